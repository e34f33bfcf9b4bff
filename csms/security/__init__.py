"""What is done to the security of a charger over OCPP, each as one operation.

steps          what is sent in each version of OCPP, and what an answer means
settings       limits
operations     a new key, a higher profile, onboarding: record, charger, record
roots          the roots that a charger trusts: checked before they are installed
"""
