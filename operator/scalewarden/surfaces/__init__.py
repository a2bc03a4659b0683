"""Where a verdict is shown or enforced; none of them decides."""
