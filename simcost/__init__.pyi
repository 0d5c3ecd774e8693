from simcost.api import Answer as Answer
from simcost.api import CheckedScenario as CheckedScenario
from simcost.api import Result as Result
from simcost.api import advise as advise
from simcost.api import bill as bill
from simcost.api import calibrate as calibrate
from simcost.api import command as command
from simcost.api import diff as diff
from simcost.api import forecast as forecast
from simcost.api import import_log as import_log
from simcost.api import load as load
from simcost.api import new_scenario as new_scenario
from simcost.api import optimize as optimize
from simcost.api import read as read
from simcost.api import results as results
from simcost.api import run as run
from simcost.api import sensitivity as sensitivity
from simcost.api import sweep as sweep
from simcost.errors import CatalogError as CatalogError
from simcost.errors import DoesNotFitError as DoesNotFitError
from simcost.errors import FaultsError as FaultsError
from simcost.errors import GateError as GateError
from simcost.errors import InputError as InputError
from simcost.errors import RunError as RunError
from simcost.errors import SimcostError as SimcostError
from simcost.errors import TraceError as TraceError

__version__: str
