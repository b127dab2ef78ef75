"""What is asked of a server: DICOM attributes and the values they must have, from the query part of a URI."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydicom.datadict import tag_for_keyword

from medgantry.errors import InvalidInput

_OF_A_SERIES = {
    "BodyPartExamined",
    "Laterality",
    "Modality",
    "PerformedProcedureStepStartDate",
    "ProtocolName",
    "SeriesDate",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesTime",
}


@dataclass(frozen=True, kw_only=True)
class Query:
    """Keyword -> value, at the level where servers match it."""

    study: Mapping[str, str]
    """Also what describes the patient."""
    series: Mapping[str, str]
    """Studies without any such series are left out."""
    options: Mapping[str, str]
    """What is not asked of the server."""

    @classmethod
    def of(cls, text: str, *, options: Collection[str] = ()) -> "Query":
        """Parse `PatientID=..&Modality=CT`.

        Args:
            text: The query part of a URI.
            options: Names that are no attributes.

        Raises:
            InvalidInput: If a name is no keyword of DICOM's dictionary: a server would ignore it, and list
                everything.
        """
        pairs = dict(parse_qsl(text, keep_blank_values=True))
        for name in pairs:
            if name not in options and tag_for_keyword(name) is None:
                known = f", or one of {', '.join(sorted(options))}" if options else ""
                raise InvalidInput(
                    f"A query names DICOM attributes by keyword, such as StudyDate{known}; {name!r} is none.",
                    "Correct the URI.",
                )
        return cls(
            study={name: pairs[name] for name in pairs if name not in {*options, *_OF_A_SERIES}},
            series={name: pairs[name] for name in pairs if name in _OF_A_SERIES},
            options={name: pairs[name] for name in pairs if name in options},
        )
