"""What a plugin may import: this module, and nothing else of ``dui_fhir``.

Values are those of ``dui_fhir.domain``; what is not listed in ``__all__`` may change without notice.
"""

from dui_fhir.domain.actor import SYSTEM, Actor
from dui_fhir.domain.aggir import POINTS as GIR_POINTS
from dui_fhir.domain.aggir_response import PA as AGGIR_PA
from dui_fhir.domain.aggir_response import PH as AGGIR_PH
from dui_fhir.domain.aggir_response import Complete as AggirComplete
from dui_fhir.domain.aggir_response import Contradictory as AggirContradictory
from dui_fhir.domain.aggir_response import Declared as AggirDeclared
from dui_fhir.domain.aggir_response import Partial as AggirPartial
from dui_fhir.domain.aggir_response import evaluate as evaluate_aggir
from dui_fhir.domain.aggir_response import grid_of as aggir_grid
from dui_fhir.domain.calendar import add_days, add_months, age_at, day_of
from dui_fhir.domain.change import Change, Interaction, Resource
from dui_fhir.domain.context import Context, DocumentKind, DocumentSection, Reader, Renderer
from dui_fhir.domain.dates import instant, interval, to_ms
from dui_fhir.domain.dossier import ClockRule, Deadline, Dossier, last, moment, pending, value
from dui_fhir.domain.encounters import is_event, is_stay
from dui_fhir.domain.errors import (
    BadRequest,
    Conflict,
    DuiError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from dui_fhir.domain.identifiers import (
    file_identifier_is_right,
    professional_identifier_is_right,
    structure_identifier_is_right,
)
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.ins import HIGH_TRUST as INS_HIGH_TRUST
from dui_fhir.domain.ins import INS_OIDS, first_name_starts_list
from dui_fhir.domain.ins import Identity as InsIdentity
from dui_fhir.domain.ins import Traits as InsTraits
from dui_fhir.domain.ins_fr_core import CoreVersion
from dui_fhir.domain.ins_fr_core import read as read_identity
from dui_fhir.domain.ins_fr_core import write as write_identity
from dui_fhir.domain.issues import Issue, Severity, outcome
from dui_fhir.domain.job import Job
from dui_fhir.domain.json import Decimal, dumps, loads
from dui_fhir.domain.legal_measure import MEASURE, OBJECT_SYSTEM, LegalMeasure
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    DateIs,
    Has,
    IdIn,
    Missing,
    Node,
    Not,
    NumberIs,
    QuantityIs,
    ReferenceIs,
    StringIs,
    TokenIs,
    TypeIn,
    UriIs,
)
from dui_fhir.domain.questionnaire import answers
from dui_fhir.domain.reference import Reference, walk
from dui_fhir.domain.structure import Structure
from dui_fhir.domain.unidentified import UNIDENTIFIED_PROFILE, is_unidentified
from dui_fhir.hookspecs import Remark, hookimpl
from dui_fhir.ports import Connector, Delivered, Delivery, Rejected, RetryLater, Stores
from dui_fhir.settings import Setting, Settings

__all__ = [
    "AGGIR_PA",
    "AGGIR_PH",
    "GIR_POINTS",
    "INS_HIGH_TRUST",
    "INS_OIDS",
    "MEASURE",
    "OBJECT_SYSTEM",
    "SYSTEM",
    "UNIDENTIFIED_PROFILE",
    "Actor",
    "AggirComplete",
    "AggirContradictory",
    "AggirDeclared",
    "AggirPartial",
    "AllOf",
    "Answer",
    "AnyOf",
    "BadRequest",
    "Chain",
    "Change",
    "ClockRule",
    "Conflict",
    "Connector",
    "Context",
    "CoreVersion",
    "DateIs",
    "Deadline",
    "Decimal",
    "Delivered",
    "Delivery",
    "DocumentKind",
    "DocumentSection",
    "Dossier",
    "DuiError",
    "Forbidden",
    "Has",
    "IdIn",
    "InsIdentity",
    "InsTraits",
    "Interaction",
    "Issue",
    "Job",
    "LegalMeasure",
    "Missing",
    "Node",
    "Not",
    "NotFound",
    "NumberIs",
    "Operation",
    "OperationRequest",
    "PreconditionFailed",
    "QuantityIs",
    "Reader",
    "Reference",
    "ReferenceIs",
    "Rejected",
    "Remark",
    "Renderer",
    "Resource",
    "RetryLater",
    "Setting",
    "Settings",
    "Severity",
    "Stores",
    "StringIs",
    "Structure",
    "TokenIs",
    "TypeIn",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UriIs",
    "add_days",
    "add_months",
    "age_at",
    "aggir_grid",
    "answers",
    "day_of",
    "dumps",
    "evaluate_aggir",
    "file_identifier_is_right",
    "first_name_starts_list",
    "hookimpl",
    "instant",
    "interval",
    "is_event",
    "is_stay",
    "is_unidentified",
    "last",
    "loads",
    "moment",
    "new_id",
    "outcome",
    "pending",
    "professional_identifier_is_right",
    "read_identity",
    "structure_identifier_is_right",
    "to_ms",
    "value",
    "walk",
    "write_identity",
]
