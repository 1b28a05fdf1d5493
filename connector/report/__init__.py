"""The end-of-week report: what became of the leads, per owner and in total, against the period before."""
