"""What is kept, and how it is read back.

Contents:
    journal           every accepted fact, durable before a charger is answered
    journal_reader    follows a journal from another process
    relational        tenants, chargers, tokens, transactions, in SQLite or PostgreSQL
    analytical        meter values and message history in ClickHouse
"""
