"""What happens next after each outcome, or what a person has to do, as every page tells it."""

NEXT = {
    "quiet": "Nothing. The next check follows its schedule.",
    "noted": "Nothing: the data changed and the model still does what it promised. The change is written down.",
    "waiting": "Wait: labels or rows are still missing. The next check looks again.",
    "alerted": "**Look at it**: something could not be judged, and nothing is done on a guess. See the reasons above.",
    "broken data": "**Look at the source**: this data looks broken. Nothing is trained on it; see the columns above.",
    "triggered": "A retraining run was started by this check. Its own page tells how it ends.",
    "proposed": "**Decide**: it waits for people. `keepfit approve {pipeline} ID`, `keepfit refuse {pipeline} ID`, or "
    "the deployment `approval` in the Prefect UI. Unanswered in time, it is refused.",
    "approved once": "A second, different person has to approve it as well.",
    "declined": "Nothing: people said no. The champion stays.",
    "expired": "Nothing: nobody answered in time, which is a refusal. The next breach or training proposes anew.",
    "void": "The champion stays: what was proposed rested on something that has changed. Judge the version again.",
    "denied": "**Look at the rule** that is named above; the proposal still waits.",
    "kept": "Nothing: the champion does as well as the one before it, or better. The next window is looked at, too.",
    "unsure": "Nothing: the difference is within the noise, or too few labels are known. The next window is looked at.",
    "lost": "**Look at it**: it does worse than the one before. `keepfit rollback {pipeline} --ban` takes it back.",
    "rolled back": "The champion before serves again. See `keepfit timeline {pipeline}`; train anew on newer rows.",
    "trial goes on": "Nothing: on live rows the challenger does as well as the champion. The gates decide on it.",
    "trial unsure": "Nothing: the difference on live rows is within the noise. At twice the rows it is judged again.",
    "trial stopped": "Nothing: the champion answers alone again. The next retraining brings another candidate.",
    "suppressed": "No retraining: a limit of the governor stands in the way. See `governor` in the pipeline's file.",
    "breaker open": "**Look at the last trainings**: they promoted nothing, so the circuit breaker holds the next ones "
    "back. With the cause mended, `keepfit run training {pipeline}`; its promotion closes the breaker.",
    "failed": "**Look at it**: nothing could be decided, for the reason above. Mend that and run again.",
    "promoted": "This version is champion now; the next scoring uses it. `keepfit rollback {pipeline}` takes it back.",
    "postponed": "The champion stays, for now: a later check asks again, when there is more to learn from.",
    "spared": "The champion stays. When this repeats, the circuit breaker opens: look at the data, not at the model.",
    "quarantined": "**Look at the source**: have it corrected and delivered again. Is it right? See docs/sources.md.",
    "refused": "The champion stays. If only evidence was lacking, more labels bring another look: see `gates`.",
}
