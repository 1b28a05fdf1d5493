"""Today's rules over the stored past: pure, without a store and without a CRM."""
