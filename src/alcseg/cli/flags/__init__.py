"""The flags of every verb, one function each; imports nothing heavy.

The name of every argument is the name of a parameter of the function the verb calls, so that options are
handed on as they are. A verb has only the flags it uses: no option is accepted and ignored.
"""

from alcseg.cli.flags.about import add_cache, add_demo, add_doctor, add_methods
from alcseg.cli.flags.answers import add_correct, add_evaluate, add_export, add_predict, add_review
from alcseg.cli.flags.data import add_check, add_corrupt, add_import, add_raters
from alcseg.cli.flags.shared import PRINT_OPTIONS, add_print_options
from alcseg.cli.flags.trainings import add_audit, add_benchmark, add_report, add_train

__all__ = ["ADDERS", "PRINT_OPTIONS", "add_print_options"]

ADDERS = (
    add_demo,
    add_import,
    add_check,
    add_raters,
    add_audit,
    add_corrupt,
    add_train,
    add_predict,
    add_export,
    add_correct,
    add_evaluate,
    add_benchmark,
    add_report,
    add_review,
    add_methods,
    add_cache,
    add_doctor,
)
"""In the order of `alcseg --help`."""
