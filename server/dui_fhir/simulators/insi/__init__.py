"""Stand-in of the INSi teleservice, operation WS_INS2: search of a national identity by its traits.

Source: WSDL DESIR_ICIR_EXP 1.5.0 and the published test people. The verification operations WS_INS3 to WS_INS5 are not
public and are not simulated.
"""
