"""Subscriptions: what they ask for, which changes concern them, what is sent, and the sending.

Source: FHIR R4, subscription.html; Subscriptions R5 Backport 1.1.0 for the form of notifications; ANS, volet Notification
d'évènements 3.0.0 (``nde``). Matching and messages are pure; ``delivery`` is the I/O.
"""
