"""What the terminology service says, in English and in French.

The identifiers and the English wordings are those that the HL7 terminology ecosystem tests for
(build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig), so that clients can rely on them; French is for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

TX_ISSUE = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"

Severity = Literal["error", "warning", "information"]
Text = Literal["en", "fr"]

_TEXTS: dict[str, tuple[str, str]] = {
    "None_of_the_provided_codes_are_in_the_value_set_one": (
        "The provided code '{code}' was not found in the value set '{vs}'",
        "Le code « {code} » n'appartient pas au jeu de valeurs « {vs} »",
    ),
    "TX_GENERAL_CC_ERROR_MESSAGE": (
        "No valid coding was found for the value set '{vs}'",
        "Aucun des codes donnés n'appartient au jeu de valeurs « {vs} »",
    ),
    "Unknown_Code_in_Version": (
        "Unknown code '{code}' in the CodeSystem '{system}' version '{version}'",
        "Code « {code} » inconnu dans le système de codes « {system} » version « {version} »",
    ),
    "Unknown_Code_in": (
        "Unknown code '{code}' in the CodeSystem '{system}'",
        "Code « {code} » inconnu dans le système de codes « {system} »",
    ),
    "UNKNOWN_CODE_IN_FRAGMENT": (
        "Unknown Code '{code}' in the CodeSystem '{system}' version '{version}' - note that the code system is labeled as a "
        "fragment, so the code may be valid in some other fragment",
        "Code « {code} » absent de l'extrait connu du système de codes « {system} » version « {version} » : "
        "il peut exister dans le système complet",
    ),
    "UNKNOWN_CODESYSTEM": (
        "A definition for CodeSystem '{system}' could not be found, so the code cannot be validated",
        "Le système de codes « {system} » n'est pas connu ici : le code ne peut pas être vérifié",
    ),
    "UNKNOWN_CODESYSTEM_VERSION": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code cannot be validated. "
        "Valid versions: {known}",
        "La version « {version} » du système de codes « {system} » n'est pas connue ici : le code ne peut pas être vérifié. "
        "Versions connues : {known}",
    ),
    "UNKNOWN_CODESYSTEM_VERSION_NONE": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code cannot be validated. "
        "No versions of this code system are known",
        "La version « {version} » du système de codes « {system} » n'est pas connue ici, ni aucune autre : "
        "le code ne peut pas être vérifié",
    ),
    "UNKNOWN_CODESYSTEM_EXP": (
        "A definition for CodeSystem '{system}' could not be found, so the value set cannot be expanded",
        "Le système de codes « {system} » n'est pas connu ici : le jeu de valeurs ne peut pas être développé",
    ),
    "UNKNOWN_CODESYSTEM_VERSION_EXP": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the value set cannot be expanded. "
        "Valid versions: {known}",
        "La version « {version} » du système de codes « {system} » n'est pas connue ici : le jeu de valeurs ne peut pas être "
        "développé. Versions connues : {known}",
    ),
    "Unable_to_resolve_value_Set_": (
        "A definition for the value Set '{vs}' could not be found",
        "Le jeu de valeurs « {vs} » n'est pas connu ici",
    ),
    "UNABLE_TO_INFER_CODESYSTEM": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{vs}': no such code in [{known}]",
        "Le système du code « {code} » ne peut pas être déduit du jeu de valeurs « {vs} » : code absent de [{known}]",
    ),
    "Unable_to_resolve_system__value_set_has_multiple_matches": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{vs}': "
        "value set expansion has multiple matches: [{known}]",
        "Le système du code « {code} » ne peut pas être déduit du jeu de valeurs « {vs} » : plusieurs conviennent [{known}]",
    ),
    "Terminology_TX_System_ValueSet2": (
        "The Coding references a value set, not a code system ('{system}')",
        "Le code renvoie à un jeu de valeurs au lieu d'un système de codes (« {system} »)",
    ),
    "Terminology_TX_System_Relative": (
        "Coding.system must be an absolute reference, not a local reference",
        "Le système d'un code est une adresse absolue",
    ),
    "Coding_has_no_system__cannot_validate": (
        "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. "
        "A system should be provided",
        "Ce code est donné sans système : il n'a pas de sens défini et ne peut pas être vérifié. Indiquez le système",
    ),
    "CODESYSTEM_CS_NO_SUPPLEMENT": (
        "CodeSystem {system} is a supplement, so can't be used as a value in Coding.system",
        "{system} est un supplément : ce n'est pas le système d'un code",
    ),
    "VALUESET_SUPPLEMENT_MISSING": (
        "Required supplement not found: {system}",
        "Supplément exigé introuvable : {system}",
    ),
    "VALUESET_VALUE_MISMATCH": (
        "The code system '{system}' version '{version}' in the ValueSet include is different to the one in the value ('{given}')",
        "Le jeu de valeurs désigne la version « {version} » du système « {system} », et non celle du code (« {given} »)",
    ),
    "VALUESET_VALUE_MISMATCH_DEFAULT": (
        "The code system '{system}' version '{version}' for the versionless include in the ValueSet include is different to the "
        "one in the value ('{given}')",
        "Le jeu de valeurs, qui ne désigne pas de version, est lu avec la version « {version} » du système « {system} », "
        "et non celle du code (« {given} »)",
    ),
    "VALUESET_VALUE_MISMATCH_CHANGED": (
        "The code system '{system}' version '{version}' resulting from the version '{listed}' in the ValueSet include is "
        "different to the one in the value ('{given}')",
        "La version « {version} » du système « {system} », qui remplace « {listed} » du jeu de valeurs, n'est pas celle du code "
        "(« {given} »)",
    ),
    "VALUESET_VERSION_CHECK": (
        "The version '{version}' is not allowed for system '{system}': required to be '{known}' by a version-check parameter",
        "La version « {version} » du système « {system} » n'est pas admise : la requête exige « {known} »",
    ),
    "STATUS_CODE_WARNING_CODE": (
        "The concept '{code}' is valid but is not active",
        "Le code « {code} » existe mais n'est plus actif",
    ),
    "INACTIVE_CONCEPT_FOUND": (
        "The concept '{code}' has a status of {status} and its use should be reviewed",
        "Le code « {code} » est {status} : son emploi est à revoir",
    ),
    "DEPRECATED_CONCEPT_FOUND": (
        "The concept '{code}' is deprecated and its use should be reviewed",
        "Le code « {code} » est déprécié : son emploi est à revoir",
    ),
    "CONCEPT_DEPRECATED_IN_VALUESET": (
        "The presence of the concept '{code}' in the system '{system}' in the value set {vs} is marked with a status of "
        "{status} and its use should be reviewed",
        "La présence du code « {code} » du système « {system} » dans le jeu de valeurs {vs} est marquée {status} : "
        "son emploi est à revoir",
    ),
    "ABSTRACT_CODE_NOT_ALLOWED": (
        "Code '{code}' is abstract, and not allowed in this context",
        "Le code « {code} » ne sert qu'à regrouper : il n'est pas admis ici",
    ),
    "CODE_CASE_DIFFERENCE": (
        "The code '{code}' differs from the correct code '{given}' by case. Although the code system '{system}' is case "
        "insensitive, implementers are strongly encouraged to use the correct case anyway",
        "Le code « {code} » diffère du code exact « {given} » par la casse. Le système « {system} » ne la distingue pas, mais "
        "la forme exacte est préférable",
    ),
    "Display_Name_for__should_be_one_of__instead_of": (
        "Wrong Display Name '{display}' for {code}. Valid display is {known} (for the language(s) '{languages}')",
        "Libellé « {display} » inexact pour {code}. Libellé attendu : {known} (langues : {languages})",
    ),
    "Display_Name_WS_for__should_be_one_of__instead_of": (
        "Wrong whitespace in Display Name '{display}' for {code}. Valid display is {known} (for the language(s) '{languages}')",
        "Espaces inexactes dans le libellé « {display} » de {code}. Libellé attendu : {known} (langues : {languages})",
    ),
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK": (
        "There are no valid display names found for the code {code} for language(s) '{languages}'. The display is '{display}' "
        "which is a valid display for the default language",
        "Aucun libellé connu de {code} pour les langues {languages}. « {display} » est un libellé exact dans la langue d'origine",
    ),
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR": (
        "Wrong Display Name '{display}' for {code}. There are no valid display names found for language(s) '{languages}'. "
        "Default display is '{known}'",
        "Libellé « {display} » inexact pour {code}. Aucun libellé connu pour les langues {languages} ; libellé d'origine : "
        "« {known} »",
    ),
    "INACTIVE_DISPLAY_FOUND": (
        "'{display}' is no longer considered a correct display for code '{code}' (status = {status}). "
        "The correct display is one of {known}.",
        "« {display} » n'est plus un libellé exact du code « {code} » (statut : {status}). Libellés exacts : {known}.",
    ),
    "MSG_DEPRECATED": ("Reference to deprecated {system}", "Référence à une ressource dépréciée : {system}"),
    "MSG_WITHDRAWN": ("Reference to withdrawn {system}", "Référence à une ressource retirée : {system}"),
    "MSG_DRAFT": ("Reference to draft {system}", "Référence à un projet de ressource : {system}"),
    "MSG_EXPERIMENTAL": ("Reference to experimental {system}", "Référence à une ressource d'essai : {system}"),
    "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE": (
        "The system {system} filter with property = {code}, op = {status} has no value",
        "Le filtre « {code} {status} » sur le système {system} n'a pas de valeur",
    ),
    "FILTER_NOT_UNDERSTOOD": (
        "The filter \"{code} {status} {given}\" from the value set {vs} was not understood in the context of {system}",
        "Le filtre « {code} {status} {given} » du jeu de valeurs {vs} n'est pas compris pour {system}",
    ),
    "VALUESET_CIRCULAR_REFERENCE": (
        "Cyclic reference detected when including {vs} via [{known}]",
        "Référence circulaire en incluant {vs} par [{known}]",
    ),
    "VALUESET_TOO_COSTLY": (
        "The value set '{vs}' expansion has too many codes to display (>{given})",
        "Le développement du jeu de valeurs « {vs} » est trop long (plus de {given} codes) : précisez un filtre ou une page",
    ),
    "INVALID_DISPLAY_LANGUAGE": ("Invalid displayLanguage: '{given}'", "Langue demandée illisible : « {given} »"),
    "NO_CODE": (
        "Unable to find code to validate (looked for coding | codeableConcept | code+system | code+inferSystem in parameters",
        "Aucun code à vérifier : donnez coding, codeableConcept, code avec system, ou code avec inferSystem",
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One thing said about a code. ``at``: FHIRPath of the element; ``kind``: a code of the tx-issue-type system."""

    id: str
    severity: Severity
    code: str
    kind: str
    at: str | None = None
    said: bool = True
    """False: left out of the ``message`` that sums up."""
    args: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)
    key: str = ""

    def text(self, language: Text) -> str:
        """Return the sentence."""
        return _TEXTS[self.id][0 if language == "en" else 1].format(**self.args)

    def as_fhir(self, language: Text) -> dict[str, Any]:
        """Return the element ``OperationOutcome.issue``."""
        issue: dict[str, Any] = {
            "extension": [{"url": MESSAGE_ID, "valueString": self.id}],
            "severity": self.severity,
            "code": self.code,
            "details": {"coding": [{"system": TX_ISSUE, "code": self.kind}], "text": self.text(language)},
        }
        if language != "en":
            issue["diagnostics"] = self.text("en")
        if self.at is not None:
            issue |= {"location": [self.at], "expression": [self.at]}
        return issue


def text(id: str, language: Text, /, **args: Any) -> str:
    """Return a sentence by its identifier."""
    return _TEXTS[id][0 if language == "en" else 1].format(**args)


def remark(
    id: str, severity: Severity, issue: str, kind: str, at: str | None = None, /, *, said: bool = True, **args: Any
) -> Remark:
    """Build a remark; two of the same wording at the same place are equal. ``issue``: a code of R4 issue-type."""
    key = repr(sorted(args.items()))
    return Remark(id=id, severity=severity, code=issue, kind=kind, at=at, said=said, args=args, key=key)


def listing(values: Sequence[str], word: str = "or") -> str:
    """Return ``a, b or c``."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} {word} {values[-1]}"
