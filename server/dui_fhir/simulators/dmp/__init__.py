"""Stand-in of the DMP's web services: TD0.2, TD2.1 (ITI-41), TD3.1 (ITI-18), TD3.2 (ITI-43), TD3.3c and d (ITI-57).

Written from the specifications alone, without a line of the connector that speaks to it, so that each may find the
other wrong.
"""
