"""The local stack: Prefect, MLflow, Evidently and a worker on this machine, started, watched and ended as one."""

from deployments.stack.control import Stack, StackInfo, running_stack

__all__ = ["Stack", "StackInfo", "running_stack"]
