"""What each step does: one module a step, `run(context, leased) -> facts` (media_jobs.context)."""
