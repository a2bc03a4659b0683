"""Every error a user can meet, each with what to do about it.

    ScalewardenError            the only base that command lines and loops catch
    ├── BadInput                the user's file, object or flag is wrong (exit 2)
    │   ├── BadRecording        a recording folder that cannot be read
    │   ├── BadObject           an InferenceDeployment or manifest that does not hold together
    │   └── BadExposition       a /metrics page that is not the exposition format
    ├── SourceError             a metrics source did not answer as it should
    │   ├── SourceUnavailable   refused, timed out, TLS or HTTP error
    │   └── PartialResponse     answered, but said that data is missing
    └── ClusterError            the Kubernetes API refused or could not be reached

`where` names the object, field, file and line; `hint` says what to do next.
"""


class ScalewardenError(Exception):
    """Base of all errors meant for people: `message`, `where` and `hint`, never a traceback."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class BadInput(ScalewardenError):
    """The user's file, object or flag is wrong; nothing was guessed."""


class BadRecording(BadInput):
    """A recording folder that cannot be read; `where` is the file and, where known, the line."""


class BadObject(BadInput):
    """An object that does not hold together; `where` is the object and field."""


class BadExposition(BadInput):
    """A /metrics page that is not the Prometheus exposition format; `where` is the line."""


class SourceError(ScalewardenError):
    """A metrics source did not answer as it should; the affected signals become Absent."""


class SourceUnavailable(SourceError):
    """Connection refused, timed out, TLS failure, or an HTTP status other than 200."""


class PartialResponse(SourceError):
    """The source answered and said that part of the data is missing."""


class ClusterError(ScalewardenError):
    """The Kubernetes API refused a request or could not be reached."""
