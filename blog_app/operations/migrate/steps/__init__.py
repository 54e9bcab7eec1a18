"""The steps for tables in use: each looks at what is already there, so that a killed run can be resumed."""
