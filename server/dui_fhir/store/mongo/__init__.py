"""The store over MongoDB: one database per tenant, transactions on a replica set (docs/stores.md).

Source: MongoDB manual (transactions, read and write concerns, multikey indexes).
"""
