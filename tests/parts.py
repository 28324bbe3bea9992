"""Parts: which loaders know lines of a text."""

from capi2kit.loaders.evidence import EvidenceFile, Problems
from capi2kit.loaders.pasted.document import divided
from capi2kit.loaders.text.codepages import in_unicode
from capi2kit.loaders.text.lines import head_of, lines


def parts(data: bytes) -> list[str]:
    """The names of the loaders that know lines of a text; none if the bytes are no text."""
    if not head_of(data, most=len(data)):
        return []
    problems = Problems()
    file = in_unicode(EvidenceFile("x.txt", data), problems)
    return list(divided("\n".join(line.text for line in lines(file, problems))).parts)
