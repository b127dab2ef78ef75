"""The file in which a task says what it committed."""

RECEIPT = "receipt.json"
RECEIPT_SCHEMA = "medgantry/expression-receipt/1"
