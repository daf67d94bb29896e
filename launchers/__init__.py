"""Where runs are executed: Hydra launchers over submitit, the packs they submit, the job that a worker runs."""
