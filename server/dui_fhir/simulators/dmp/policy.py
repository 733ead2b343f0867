"""What this DMP accepts where the public texts leave a choice."""

from dataclasses import dataclass
from pathlib import Path

INS_OIDS = {
    "test": frozenset({"1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"}),
    "production": frozenset({"1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"}),
}
INS_OIDS["any"] = INS_OIDS["test"] | INS_OIDS["production"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The options of a simulated DMP.

    ``environment`` is ``test`` (INS of root .10 and .11), ``production`` (.8 and .9) or ``any``. ``weak_digests`` admits
    SHA-1, which every public VIHF sample still uses. ``signed_set`` makes the XAdES signature entry of the submission set
    mandatory (xds-metadata, §4).
    """

    environment: str = "test"
    repository_oid: str = "1.2.250.1.213.4.1.1.9999"
    vihf_versions: frozenset[str] = frozenset({"3.0", "4.0"})
    vihf_age_s: int = 300
    clock_skew_s: int = 60
    weak_digests: bool = True
    rsa_bits_min: int = 2048
    signed_set: bool = False
    mtom_answers: bool = True
    request_bytes_max: int = 50_000_000
    xsd_folder: Path | None = None  # holds XDS.b_DocumentRepository.xsd and query.xsd

    def __post_init__(self) -> None:
        if self.environment not in INS_OIDS:
            raise ValueError(f"environment: {self.environment}; known: {', '.join(INS_OIDS)}")

    @property
    def ins_oids(self) -> frozenset[str]:
        """The roots under which this DMP knows its patients."""
        return INS_OIDS[self.environment]
