"""Units of measure: is a code a unit of UCUM? Source: The Unified Code for Units of Measure, ucum.org, §5 to §46.

Case-sensitive symbols only. The syntax is complete (products, quotients, exponents, factors, annotations, ``10*``); atoms are
those of the specification that health records use.
"""

import re
from functools import lru_cache

_PREFIXES = tuple("Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti".split())
_METRIC = frozenset(
    "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t bar u eV pc st g% cal cal_[15] "
    "cal_[20] cal_m cal_IT cal_th [Btu] osm eq kat U [iU] [IU] Gal dyn erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM "
    "B Np B[SPL] B[V] B[mV] B[uV] B[W] bit By Bd m[H2O] m[Hg] gf mho [g] b tex".split()
)
_OTHER = frozenset(
    "% [ppth] [ppm] [ppb] [pptr] [pi] deg ' '' gon min h d wk mo a a_j a_t a_g mo_s mo_j mo_g mo_s Lmb atm att AU "
    "[in_i] [ft_i] [yd_i] [mi_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [in_us] [ft_us] [yd_us] [mi_us] "
    "[acr_us] [acr_br] [gal_us] [qt_us] [pt_us] [gil_us] [foz_us] [fdr_us] [min_us] [cup_us] [tbs_us] [tsp_us] [foz_m] "
    "[cup_m] [tsp_m] [tbs_m] [gal_br] [qt_br] [pt_br] [foz_br] [gr] [oz_av] [lb_av] [dr_av] [stone_av] [oz_tr] [lb_tr] "
    "[oz_ap] [dr_ap] [sc_ap] [lb_ap] [degF] [degR] [degRe] [diop] [mesh_i] [Ch] [drp] [hnsf'U] [MET] [APL'U] [GPL'U] [MPL'U] "
    "[hp'_X] [hp'_C] [hp'_M] [hp'_Q] [hp_X] [hp_C] [hp_M] [hp_Q] [k] [c] [h] [e] [m_e] [m_p] [G] [mu_0] [eps_0] [pH] "
    "[arb'U] [USP'U] [beth'U] [anti'Xa'U] [todd'U] [dye'U] [smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [tb'U] [CCID_50] "
    "[TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U] [FEU] [ELU] [EU] [S] [m/s2/Hz^0.5] "
    "[psi] [cal] [Cal] [car_m] [car_Au] [smoot] [lcwt_av] [scwt_av] [ston_av] [lton_av] [pwt_tr] [pouce] [ligne] [pied] "
    "[bu_us] [HPF] [LPF] [rlk_us] [ch_us] [rd_us] [fur_us] [lk_us] [twp] [sct] [srd_us] [mil_i] [mil_us] [cml_i] [hd_i] "
    "[wood'U] bit_s [lne] [pnt] [pca] [didot] [cicero] circ sph 10* 10^".split()
)
_FACTOR = re.compile(r"[0-9]+")
_EXPONENT = re.compile(r"[+-]?[0-9]+")
_SYMBOL = re.compile(r"(?:10[*^]|(?:[^\s0-9+\-./(){}\[\]]|\[[^\]\s]*\])+)")
_ANNOTATION = re.compile(r"\{[!-z|~]*\}")
CHARS_MAX = 200


@lru_cache(maxsize=4096)
def valid(code: str) -> bool:
    """Tell whether a code is a unit (``mg/dL``, ``10*9/L``, ``{visite}/mo``)."""
    return 0 < len(code) <= CHARS_MAX and _Parser(code).whole()


class _Parser:
    """Recursive descent over one code."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._at = 0

    def whole(self) -> bool:
        """Parse the whole code."""
        if self._next() == "/":
            self._at += 1
        return self._term() and self._at == len(self._code)

    def _next(self) -> str:
        return self._code[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._code, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _term(self) -> bool:
        if not self._component():
            return False
        while self._next() in (".", "/"):
            self._at += 1
            if not self._component():
                return False
        return True

    def _component(self) -> bool:
        if self._next() == "(":
            self._at += 1
            if not self._term() or self._next() != ")":
                return False
            self._at += 1
            return self._annotated()
        if self._next() == "{":
            return self._take(_ANNOTATION) is not None
        symbol = self._take(_SYMBOL)
        if symbol is None:
            return self._take(_FACTOR) is not None and self._annotated()
        if not _atom(symbol):
            return False
        self._take(_EXPONENT)
        return self._annotated()

    def _annotated(self) -> bool:
        return self._next() != "{" or self._take(_ANNOTATION) is not None


def _atom(symbol: str) -> bool:
    if symbol in _METRIC or symbol in _OTHER:
        return True
    return any(symbol.startswith(p) and symbol[len(p) :] in _METRIC for p in _PREFIXES)
