"""The application: reads a CRM, lets the rules decide, writes back and confirms."""
