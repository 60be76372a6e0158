"""A proposed setting as YAML for a pipeline's file: the sections that change, whole, as a person would write them."""

from config.flow_yaml import flow
from config.schema import PipelineConfig
from tasks.core.rehearsal import Setting


def snippet_of(config: PipelineConfig, proposed: Setting) -> str:
    """`performance` and `governor` as far as they differ from the file's; they take the place of those sections."""
    sections = (("performance", config.performance, proposed.performance),
                ("governor", config.governor, proposed.governor))  # fmt: skip
    return "".join(
        f"{name}: {flow(new.model_dump(mode='json', exclude_unset=True))}\n"
        for name, old, new in sections
        if new != old
    )
