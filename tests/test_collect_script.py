"""The collection script: it parses, changes nothing unasked, asks the network nothing, and says what it does.

PowerShell is not needed here: the checks walk the parse tree. Whatever the script calls must be on a list below, so
that a new command is a decision. Each check is shown to fail on a copy of the script with one fault in it.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Callable, Iterator

import pytest
import tree_sitter
import tree_sitter_powershell
from tree_sitter import Node

from capi2kit import load
from capi2kit.cli import collect_script
from capi2kit.errors import Capi2kitError
from capi2kit.knowledge import DATA

SCRIPT = (DATA / collect_script.SCRIPT).read_text(encoding="utf-8")
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


def listed(names: str) -> set[str]:
    return set(names.split())


# Cmdlets of PowerShell 3.0 that leave the machine as it is.
READS = listed(
    "Add-Type ForEach-Object Get-ChildItem Get-CimInstance Get-Command Get-Content Get-Item Get-NetFirewallProfile "
    "Get-WinEvent Group-Object Invoke-CimMethod Join-Path Measure-Object New-Object Out-Null Select-Object Set-StrictMode Sort-Object "
    "Split-Path Start-Sleep Test-Path Where-Object Write-Host Write-Progress Write-Warning"
)
WRITES_THE_KIT = {"Add-Content", "Export-Csv"}  # only to a path of Get-KitPath
RIGHTS = {"Set-Acl"}  # only in Protect-Kit, and that only on the kit
NETWORK = {"Add-PSSnapin", "Get-SPDiagnosticConfig"}  # only with -AllowNetwork
PARAMETERS = listed(
    "Activity ArgumentList AssemblyName ChildPath ClassName Completed Confirm Encoding ErrorAction ErrorVariable File "
    "First Force Last Leaf ListLog LiteralPath Name NoTypeInformation Path PolicyStore Property Recurse Seconds Status "
    "Sum TypeName Unique Value Version AclObject InputObject MethodName PathType"
)
# Programs of Windows, and the arguments with which they only read local things; then, with which they may ask the network.
LOCAL_READS = {
    "ipconfig.exe": "/all",
    "wevtutil.exe": r"epl \$Name \{file\} /ow:true \+ \$filter",
    "reg.exe": r"export \$Key \{file\} /y|query \$Key",
    "netsh.exe": "winhttp show (adv)?proxy|http show sslcert|interface tcp show global",
    "certutil.exe": r"-urlcache \*|-silent -store \$store",
    "w32tm.exe": "/tz|/query /status",
    "appcmd.exe": r"list (site /text:logFile\.directory|apppool (/apppool\.name:\$pool /text:\$field|/text:name))",
}
NETWORK_READS = {"certutil.exe": r"-verifyctl \$list"}
PROGRAM_OF = {"$Reg": "reg.exe", "$Wevtutil": "wevtutil.exe", "$Appcmd": "appcmd.exe"}
RUNNERS = {"Save-Output": "$exe", "Invoke-Step": "$Action"}  # they run what they are given; their calls are checked
CHANGES = {  # what may be changed, by whose switch
    "wevtutil.exe": {"$EnableLog", "$DisableLog"},
    "appcmd.exe": {"$RestartAppPool"},
    "reg.exe": {"$MeasureDurations", "$DisableLog"},
    "Set-Content": {"$EnableLog", "$MeasureDurations"},
    "Remove-Item": {"$DisableLog"},
}
STATIC = listed(
    "BitConverter::ToString DateTimeOffset::Now DateTime::UtcNow Console::OutputEncoding Encoding::UTF8 "
    "CultureInfo::InvariantCulture Environment::GetEnvironmentVariable "
    "Environment::ExpandEnvironmentVariables Environment::Is64BitOperatingSystem "
    "Environment::Is64BitProcess TimeZoneInfo::Local WindowsIdentity::GetCurrent WindowsBuiltInRole::Administrator "
    "Directory::CreateDirectory Path::GetDirectoryName Path::GetPathRoot File::Open File::OpenRead File::Move "
    "File::WriteAllLines FileMode::Open FileMode::CreateNew FileAccess::Read ZipFile::Open ZipArchiveMode::Create "
    "ZipFileExtensions::CreateEntryFromFile CompressionLevel::Optimal Math::Max"
)
METHODS = listed(
    "AddAccessRule SetAccessRuleProtection "
    "Add AddDays AddHours ComputeHash CopyTo Dispose GetUnresolvedProviderPathFromPSPath GetValue IsDaylightSavingTime "
    "IsInRole Replace ShouldProcess Substring ToLowerInvariant ToString ToUniversalTime Trim TrimEnd TrimStart"
)
AUTOMATIC = listed(
    "_ true false null PID Matches LASTEXITCODE PSCmdlet PSVersionTable PSScriptRoot ExecutionContext "
    "WhatIfPreference env:windir env:ProgramData env:COMPUTERNAME env:TEMP".lower()
)
APPROVED_VERBS = listed("Add Copy Expand Export Format Get Invoke Protect Save Test Write")
TOO_NEW = {"pipeline_chain_tail", "class_statement", "enum_statement", "using_statement"}
HELP_WORDS = {"SYNOPSIS", "DESCRIPTION", "PARAMETER", "EXAMPLE", "NOTES"}


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def parsed(script: str) -> Node:
    return PARSER.parse(script.encode()).root_node


def nodes(script: str, *types: str) -> Iterator[Node]:
    return (node for node in walk(parsed(script)) if node.type in types)


def text(node: Node) -> str:
    return node.text.decode()


def above(node: Node) -> Iterator[Node]:
    while node := node.parent:
        yield node


def where(node: Node) -> str:
    return f"line {node.start_point[0] + 1}: {text(node)[:80].partition(chr(10))[0]}"


def name_of(command: Node) -> str:
    return text(command.children[0]) if command.children[0].type == "command_name" else ""


def function_of(node: Node) -> str:
    return next((text(up.children[1]) for up in above(node) if up.type == "function_statement"), "")


def guards(node: Node) -> list[str]:
    """The conditions under which a command runs. A branch that runs when they are false is none of them."""
    found = []
    inner = node
    for up in above(node):
        if up.type == "if_statement" and inner.type == "statement_block":
            found.append(text(next(child for child in up.children if child.type == "pipeline")))
        inner = up
    return [guard for guard in found if not re.search(r"-not\b|-or\b|!", guard)]


def words(text_of_arguments: str) -> str:
    """The arguments of a program as one line, without the quotes and brackets of PowerShell."""
    return " ".join(re.sub(r"""[@()'",`]""", " ", text_of_arguments).split())


def programs(script: str) -> Iterator[tuple[Node, str, str]]:
    """Every run of a program: the command, the program, its arguments."""
    for command in nodes(script, "command"):
        first = text(command.children[0])
        rest = text(command)[len(first) :]
        if first in ("&", "."):
            called = text(command.children[1])
            if RUNNERS.get(function_of(command)) != called:
                yield command, PROGRAM_OF.get(called, called), words(text(command).split(called, 1)[1])
        elif name_of(command) == "Save-Output":
            program = re.search(r"-Program '([^']+)'", rest)
            yield command, program[1] if program else "?", words(rest.split("-Arguments", 1)[-1])
        elif re.fullmatch(r"(?i)\w+(\.exe)?", name_of(command)):
            yield command, first.lower().removesuffix(".exe") + ".exe", words(rest)


def matches(reads: dict[str, str], program: str, arguments: str) -> bool:
    return program in reads and re.fullmatch(reads[program], arguments) is not None


def faults(script: str) -> list[str]:
    return [where(node) for node in walk(parsed(script)) if node.is_missing or node.type == "ERROR"]


def unknown_commands(script: str) -> list[str]:
    """Commands that are on no list, and parameters of them that are on none."""
    own = {text(node) for node in nodes(script, "function_name")}
    known = READS | WRITES_THE_KIT | RIGHTS | NETWORK | set(CHANGES) | own
    found = [c for c in nodes(script, "command") if name_of(c) and name_of(c) not in known]
    found += [
        node
        for node in nodes(script, "command_parameter")
        if text(node).lstrip("-").rstrip(":") not in PARAMETERS
        and name_of(next(up for up in above(node) if up.type == "command")) not in own
    ]
    return [where(node) for node in found]


def unknown_members(script: str) -> list[str]:
    """Static members of .NET and methods that are on no list: a file can be deleted, or a name asked of a server."""
    found = []
    for node in nodes(script, "member_access", "invokation_expression"):
        member = text(next(child for child in node.children if child.type == "member_name"))
        if node.children[0].type == "type_literal":
            if f"{text(node.children[0]).strip('[]').rsplit('.', 1)[-1]}::{member}" not in STATIC:
                found.append(where(node))
        elif node.type == "invokation_expression" and member not in METHODS:
            found.append(where(node))
    return found


def unguarded_changes(script: str) -> list[str]:
    """What changes the machine and does not stand inside an `if` of its switch and one of ShouldProcess."""
    found = []
    for command, program, arguments in programs(script):
        if not matches(LOCAL_READS, program, arguments) and not matches(NETWORK_READS, program, arguments):
            found.append((command, CHANGES.get(program, set())))
    found += [(c, CHANGES[name_of(c)]) for c in nodes(script, "command") if name_of(c) in CHANGES]
    return [
        where(command)
        for command, switches in found
        if not any("$PSCmdlet.ShouldProcess(" in guard for guard in guards(command))
        or not any(guard in switches for guard in guards(command))
    ]


def loose_writes(script: str) -> list[str]:
    """Files written elsewhere than in the kit."""
    return [
        where(command)
        for command in nodes(script, "command")
        if name_of(command) in WRITES_THE_KIT and "-LiteralPath (Get-KitPath -File " not in text(command)
    ]


def loose_rights(script: str) -> list[str]:
    """Rights changed of anything but the kit, and methods of objects called other than the one that names an owner."""
    found = [c for c in nodes(script, "command") if name_of(c) in RIGHTS and function_of(c) != "Protect-Kit"]
    found += [
        command
        for command in nodes(script, "command")
        if name_of(command) == "Protect-Kit"
        and text(command) not in ("Protect-Kit -Path $unfinished", "Protect-Kit -Path $KitFolder")
    ]
    found += [
        command
        for command in nodes(script, "command")
        if name_of(command) == "Invoke-CimMethod" and not text(command).endswith("-MethodName 'GetOwnerSid'")
    ]
    return [where(command) for command in found]


def asks_the_network(script: str) -> list[str]:
    """What may go to the network without -AllowNetwork. A function may, if all its calls are guarded."""
    found = [c for c in nodes(script, "command") if name_of(c) in NETWORK]
    for command, program, arguments in programs(script):
        if matches(NETWORK_READS, program, arguments):
            found.append(command)
    calls = {name: [c for c in nodes(script, "command") if name_of(c) == name] for name in map(function_of, found)}
    open_calls = [
        command
        for command in found
        if "$AllowNetwork" not in guards(command)
        and (
            not calls[function_of(command)]
            or any("$AllowNetwork" not in guards(c) for c in calls[function_of(command)])
        )
    ]
    named = [n for n in nodes(script, "type_literal", "generic_token", "verbatim_string_characters")]
    named = [n for n in named if re.search(r"(?i)System\.Net\.|WebClient|-urlfetch|^-url$|https?://", text(n))]
    return [where(node) for node in open_calls + named]


def newer_syntax(script: str) -> list[str]:
    """What Windows PowerShell 5.1 does not know; the new operators are no syntax to this grammar either."""
    found = [node for node in walk(parsed(script)) if node.type in TOO_NEW]
    found += [n for n in nodes(script, "member_name") if text(n) == "new"]
    return [where(node) for node in found] + faults(script) + unknown_commands(script)


def loose_names(script: str) -> list[str]:
    """Variables that nobody sets, as strict mode would find them, and parameters that a function does not have."""
    set_here = set()
    for node in nodes(script, "left_assignment_expression", "foreach_statement", "script_parameter"):
        set_here |= {text(v).lower() for v in [v for v in walk(node) if v.type == "variable"][:1]}
    set_here |= {f"${name}" for name in re.findall(r"-ErrorVariable '(\w+)'", script)}
    used = {text(v).lower() for v in nodes(script, "variable")} - set_here
    found = [name for name in used if name.strip("$@{}") not in AUTOMATIC and f"${name[1:]}" not in set_here]
    found += [where(n) for n in nodes(script, "expandable_string_literal") if re.search(r"\$(?!env:)\w+:", text(n))]
    takes = {
        text(f.children[1]): {
            text(next(c for c in p.children if c.type == "variable"))[1:]
            for p in walk(f)
            if p.type == "script_parameter"
        }
        for f in nodes(script, "function_statement")
    }
    for command in nodes(script, "command"):
        if (name := name_of(command)) in takes:
            given = [c for part in command.children[1:] for c in part.children if c.type == "command_parameter"]
            found += [where(command) for parameter in given if text(parameter)[1:] not in takes[name]]
    return found


def secrets(script: str) -> list[str]:
    """Reads of what must never be collected."""
    code = code_of(script)
    words_ = r"(?i)processModel\.password|/text:\*|/config\b|-exportpfx|'My'|web\.config'|'\*'\)?$"
    found = [line for line in code.splitlines() if re.search(words_, line) and "'-urlcache', '*'" not in line]
    line = next(p for p in code.splitlines() if "$_.Name" not in p and "$one.CommandLine" in p)
    before = code.split(line)[0].splitlines()[-1]
    return found if "-eq 'w3wp.exe'" in before else [*found, line]


def help_of(script: str) -> str:
    return re.search(r"<#(.*?)#>", script, re.DOTALL)[1]


def code_of(script: str) -> str:
    return script.split("#>", 1)[1]


def untold(script: str) -> list[str]:
    """What the help says and the script does not do, or the other way round."""
    said, code = help_of(script), code_of(script)
    block = next(child for child in parsed(script).children if child.type == "param_block")
    has = {text(v)[1:] for p in walk(block) if p.type == "script_parameter" for v in p.children if v.type == "variable"}
    documented = set(re.findall(r"^\.PARAMETER (\w+)$", said, re.MULTILINE))
    rest = code.split(text(block), 1)[1]
    found = [f"-{name} is in one of help and script only" for name in has ^ documented]
    found += [f"-{name} is used nowhere" for name in has if not re.search(rf"\${name}\b", rest)]
    keys = {key.replace("<SID>", "$sid").rstrip() for key in re.findall(r"^ *(HK(?:LM|U)\\.+)$", said, re.MULTILINE)}
    exported = set(re.findall(r"""['"](HK(?:LM|U)\\[^'"]+)['"]""", code))
    found += [f"{key} is in one of help and script only" for key in keys ^ exported]
    folders = set(
        re.findall(r"""['"(]'?(events|iis|httperr|firewall|uls|proxy|certutil|registry|machine)[-/']""", code)
    )
    shown = set(re.findall(r"^([a-z]+) {2,}\S", said, re.MULTILINE))
    found += [f"{folder} is in one of help and script only" for folder in folders ^ shown]
    found += [w for w in re.findall(r"^\s*\.(\w+)", said, re.MULTILINE) if w not in HELP_WORDS]
    examples = re.findall(r"^\.\\Collect-Capi2\.ps1(.*)$", said, re.MULTILINE)
    given = {option for line in examples for option in re.findall(r" -([A-Z]\w+)", line)}
    found += [f"-{option}: no such parameter" for option in given - has - {"WhatIf", "Confirm"}]
    verbs = {text(node).split("-")[0] for node in nodes(script, "function_name")}
    return found + [f"{verb}- is not an approved verb" for verb in verbs - APPROVED_VERBS]


def kit_names(script: str) -> list[str]:
    """The names of files in the kit, as the script writes them, with 1 for what it fills in."""
    code = code_of(script)
    names = re.findall(r"-File \(?'([^']+)'", code)
    return [re.sub(r"\{\d\}", "1", name) for name in names if name != "{0}/{1}"]


def bad_names(script: str) -> list[str]:
    names = kit_names(script)
    lasting = set(names) - {"collect.log", "machine/machine.txt"}  # named more than once: made, then listed
    return [
        n for n in names if not re.fullmatch(r"([\w-]+/)?[\w.-]+\.(evtx|txt|csv|log)|firewall/1-1", n) or ".." in n
    ] + [name for name in lasting if names.count(name) > 1]


Check = Callable[[str], list[str]]
CHECKS: tuple[Check, ...] = (
    *(faults, unknown_commands, unknown_members, unguarded_changes, loose_writes, asks_the_network, newer_syntax),
    *(loose_rights, loose_names, secrets, untold, bad_names),
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_script_passes(check):
    assert check(SCRIPT) == []


def test_the_script_is_plain_and_strict():
    assert SCRIPT.isascii()
    assert "\t" not in SCRIPT
    assert max(map(len, SCRIPT.splitlines())) <= 120
    assert SCRIPT.startswith("#requires -Version 3.0\n<#\n.SYNOPSIS\n")
    code = [line for line in code_of(SCRIPT).splitlines() if line]
    assert code[0].startswith("[CmdletBinding(SupportsShouldProcess = $true")
    assert "Set-StrictMode -Version 2" in code


def test_the_walker_sees_what_the_script_runs():
    """The checks are worth nothing if they look at nothing."""
    runs = {(program, arguments.split()[0]) for _, program, arguments in programs(SCRIPT)}
    assert {("wevtutil.exe", "epl"), ("wevtutil.exe", "enable"), ("wevtutil.exe", "undo")} <= {
        (program, first.lstrip("@")) for program, first in runs
    }
    assert {("appcmd.exe", "recycle"), ("reg.exe", "export"), ("certutil.exe", "-verifyctl")} <= runs
    assert len(kit_names(SCRIPT)) > 20


RECYCLE = """    if ($PSCmdlet.ShouldProcess($RestartAppPool, 'appcmd.exe recycle apppool')) {\n"""


def added(line: str) -> tuple[str, str]:
    """A mutation: a line more at the end of the script."""
    return "", line + "\n"


MUTATIONS: list[tuple[Check, str, str]] = [
    (faults, "if ($EnableLog) {", "if ($EnableLog {"),
    (unknown_commands, *added("gci C:\\")),
    (unknown_commands, *added("Restart-WebAppPool -Name 'x'")),
    (unknown_commands, *added("Invoke-WebRequest -Uri 'x'")),
    (unknown_commands, *added("Get-Error")),
    (unknown_commands, *added("1..3 | ForEach-Object -Parallel { $_ }")),
    (unknown_members, *added("[System.IO.File]::Delete('x')")),
    (unknown_members, *added("(Get-Item -LiteralPath 'x').Delete()")),
    (unknown_members, *added("[System.Net.Dns]::GetHostName()")),
    (unguarded_changes, *added("& $Wevtutil @enable")),
    (unguarded_changes, *added("& $Wevtutil cl $Channel")),
    (unguarded_changes, *added("& $Appcmd recycle apppool 'x'")),
    (unguarded_changes, *added("wevtutil sl $Channel /e:true")),
    (unguarded_changes, *added("reg.exe add HKLM\\x")),
    (unguarded_changes, *added("Save-Output -File 'x.txt' -Program 'reg.exe' -Arguments @('delete', 'HKLM\\x')")),
    (unguarded_changes, *added("Save-Output -File 'x.txt' -Program 'certutil.exe' -Arguments @('-urlcache', 'x')")),
    (unguarded_changes, "@('-urlcache', '*')", "@('-urlcache', '*', 'delete')"),
    (unguarded_changes, "@('/query', '/status')", "@('/query', '/status', '/computer:DC01')"),
    (unguarded_changes, "'{file}', '/ow:true')", "'{file}', '/ow:true', '/r:WEB02')"),
    (unguarded_changes, "'-silent', '-store'", "'-silent', '-delstore'"),
    (unguarded_changes, *added("Save-Output -File 'x.txt' -Program $name -Arguments @('x')")),
    (unguarded_changes, *added("Remove-Item -LiteralPath $StateFile")),
    (unguarded_changes, *added("if ($EnableLog) { & $Wevtutil @enable }")),
    (unguarded_changes, *added("if ($EnableLog) { if ($PSCmdlet.ShouldProcess('x')) { } else { & $Wevtutil @undo } }")),
    (unguarded_changes, *added("if ($NoZip) { if ($PSCmdlet.ShouldProcess('x')) { & $Wevtutil @undo } }")),
    (unguarded_changes, RECYCLE, "    if ($NoZip -or $PSCmdlet.ShouldProcess($RestartAppPool, 'x')) {\n"),
    (unguarded_changes, RECYCLE, "    if (-not $PSCmdlet.ShouldProcess($RestartAppPool, 'x')) {\n"),
    (unguarded_changes, "if ($RestartAppPool) {\n    if ($PSC", "if ($true) {\n    if ($PSC"),
    (loose_writes, *added("Add-Content -LiteralPath 'C:\\x' -Value 'x' -Encoding UTF8")),
    (loose_rights, *added("Set-Acl -LiteralPath 'C:\\x' -AclObject $rights")),
    (loose_rights, *added("Protect-Kit -Path 'C:\\x'")),
    (loose_rights, *added("Invoke-CimMethod -InputObject $_ -MethodName 'Terminate'")),
    (unguarded_changes, "'http', 'show', 'sslcert'", "'http', 'delete', 'sslcert'"),
    (unguarded_changes, "@('query', $Key)", "@('delete', $Key)"),
    (asks_the_network, *added("Get-SPDiagnosticConfig")),
    (asks_the_network, *added("Get-FarmLogFolder")),
    (asks_the_network, "    if ($AllowNetwork) {\n        foreach", "    if (-not $AllowNetwork) {\n        foreach"),
    (asks_the_network, *added("$x = [System.Net.WebClient]'x'")),
    (asks_the_network, *added("Save-Output -File 'x.txt' -Program 'certutil.exe' -Arguments @('-urlfetch', 'x')")),
    (newer_syntax, *added("$zip = $NoZip ? 1 : 2")),
    (newer_syntax, *added("$zip = $NoZip ?? 1")),
    (newer_syntax, *added("Get-Command -Name 'x' && Get-Command -Name 'y'")),
    (newer_syntax, *added("$zip = [System.IO.FileInfo]::new('x')")),
    (newer_syntax, *added("class Kit { }")),
    (loose_names, *added("Write-Host $KitFodler")),
    (loose_names, *added('Write-Host "$Channel: on"')),
    (loose_names, *added("Write-CollectLog -Knd 'note' -Text 'x'")),
    (secrets, "'processModel.userName'", "'processModel.password'"),
    (secrets, "'CA', 'AuthRoot'", "'CA', 'My'"),
    (secrets, '"/text:$field"', "'/text:*'"),
    (secrets, "if ($one.Name -eq 'w3wp.exe') {", "if ($one.Name) {"),
    (untold, "    [switch]$NoZip,", "    [switch]$NoZip,\n\n    [switch]$Verbatim,"),
    (untold, ".PARAMETER NoZip", ".PARAMETER NoZap"),
    (untold, "-not $NoZip", "-not $NoCollect"),
    (untold, "HKLM\\SYSTEM\\CurrentControlSet\\Services\\crypt32')", "HKLM\\SYSTEM\\Setup')"),
    (untold, "iis       IIS logs", "web       IIS logs"),
    (untold, "machine   Clock", ".NET      versions\nmachine   Clock"),
    (untold, "-WaitSeconds 300", "-Wait 300"),
    (untold, "Expand-Folder", "Unfold-Folder"),
    (bad_names, "'certutil/urlcache.txt'", "'../urlcache.txt'"),
    (bad_names, "'certutil/urlcache.txt'", "'C:\\urlcache.txt'"),
    (bad_names, "'registry/{0}.reg.txt'", "'registry/{0}.reg'"),
    (bad_names, "'machine/services.csv'", "'machine/processes.csv'"),
]


@pytest.mark.parametrize(
    ("check", "old", "new"), MUTATIONS, ids=lambda part: part.__name__ if callable(part) else part[:40]
)
def test_a_fault_in_the_script_is_seen(check, old, new):
    assert old in SCRIPT
    assert check(SCRIPT.replace(old, new) if old else SCRIPT + new)


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    collect_script.add_options(parser)
    return parser.parse_args(arguments)


def test_the_verb_prints_the_packaged_file(capsys):
    assert collect_script.run(given()) == 0
    assert capsys.readouterr().out == SCRIPT


def test_a_written_script_has_a_byte_order_mark_and_crlf(tmp_path, capsys):
    path = tmp_path / "Collect-Capi2.ps1"
    assert collect_script.run(given("-o", str(path))) == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + SCRIPT.replace("\n", "\r\n").encode("ascii")
    assert capsys.readouterr().out == ""


def test_a_script_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(Capi2kitError, match="cannot be written"):
        collect_script.run(given("-o", str(tmp_path / "no" / "x.ps1")))


def test_a_kit_is_read_as_it_is(tmp_path, small_log):
    """The CAPI2 log of a kit is found among everything else that the script packs."""
    kit = tmp_path / "capi2-WEB01-20260301T070000Z.zip"
    with zipfile.ZipFile(kit, "w") as archive:
        for name in {*kit_names(SCRIPT), "manifest.csv", "iis-1/W3SVC1/u_ex260301.log", "firewall/1-pfirewall.log"}:
            archive.writestr(name, small_log.read_bytes() if "CAPI2" in name else b"")
    case = load(kit)
    assert len(case.events) == len(load(small_log).events) > 0
    assert case.sources["lost"].sum() == 0


OLD = (DATA / collect_script.FOR_OLD).read_text(encoding="ascii")
OLD_READS = [
    r"wevtutil epl [\w/%-]+ \"[^\"]+\"( \"/q:[^\"]+\")?",
    r"netsh (winhttp show proxy|http show sslcert) > \"[^\"]+\"",
    r"reg query \"HKU[^\"]+\" > \"[^\"]+\"",
    r"reg export (\"[^\"]+\"|\S+) \"[^\"]+\" /y",
    r"certutil (-silent -store %%T|-urlcache \*) > \"[^\"]+\"",
    r"type %windir%\\System32\\drivers\\etc\\hosts > \"[^\"]+\"",
    r"%windir%\\System32\\inetsrv\\appcmd\.exe list wp > \"[^\"]+\"",
    r"w32tm /tz > \"[^\"]+\"",
    r"(@echo off|rem .*|setlocal|set \w+=.*|mkdir .*|echo .*)",
    r"icacls \"%KIT%\" /inheritance:r /grant:r \*S-1-5-32-544:\(OI\)\(CI\)F \*S-1-5-18:\(OI\)\(CI\)F",
]


def not_read_only(script: str) -> list[str]:
    """Lines of the short script that do more than read, or that write elsewhere than into the kit."""
    found = []
    for line in script.splitlines():
        command = re.sub(r"^(for %%\w in \([^)]*\) do |if exist \S+ )", "", line)
        good = any(re.fullmatch(form, command) for form in OLD_READS)
        if not good or any("%KIT%" not in target for target in re.findall(r'> "([^"]+)"', command)):
            found.append(line)
    return found


def test_the_short_script_for_old_servers_only_reads_and_writes_its_kit():
    assert not_read_only(OLD) == [] and len(OLD.splitlines()) <= 24 and OLD.isascii()


@pytest.mark.parametrize(
    "line",
    [
        "wevtutil cl System",
        'reg add HKLM\\x "y" /y', 'netsh http delete sslcert > "%KIT%\\x"', 'w32tm /tz > "C:\\x"', "certutil -urlcache * delete",
        "del %KIT%",
    ],
)  # fmt: skip
def test_a_fault_in_the_short_script_is_seen(line):
    assert not_read_only(OLD + line + "\n")


def test_the_verb_writes_the_short_script(tmp_path, capsys):
    assert collect_script.run(given("--cmd")) == 0
    assert capsys.readouterr().out == OLD
    path = tmp_path / "Collect-Capi2.cmd"
    assert collect_script.run(given("-o", str(path))) == 0
    assert path.read_bytes() == OLD.replace("\n", "\r\n").encode("ascii")


FACTS = {
    "machine/hosts.txt": "# remark\n127.0.0.1 crl.test ocsp.test # both\n::1 localhost\n",
    "machine/publisher-evidence.txt": "generatePublisherEvidence in Framework64\\v2.0.50727\\aspnet.config: false\n",
    "machine/environment.txt": "NUGET_CERT_REVOCATION_MODE: offline\n",
    "machine/netsh-http-sslcert.txt": "SSL Certificate bindings:\n    IP:port : 0.0.0.0:443\n"
    "    Verify Client Certificate Revocation : Enabled\n",
    "registry/winhttp.query.txt": "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\WinHttp\n"
    "    DisableWpad    REG_DWORD    0x1\n",
}


def test_what_the_scripts_collect_is_read(tmp_path, small_log):
    kit = tmp_path / "kit.zip"
    with zipfile.ZipFile(kit, "w") as archive:
        archive.writestr("events/Microsoft-Windows-CAPI2_Operational.evtx", small_log.read_bytes())
        for name, text_of_file in FACTS.items():
            archive.writestr(name, text_of_file)
    said = load(kit).settings
    values = {(row["origin"], row["name"]): row["value"] for row in said.to_dict("records")}
    assert values["hosts file", "crl.test"] == values["hosts file", "ocsp.test"] == "127.0.0.1"
    assert values["kit environment", "NUGET_CERT_REVOCATION_MODE"] == "offline"
    assert values["kit netsh-http-sslcert", "Verify Client Certificate Revocation"] == "Enabled"
    assert (
        values["kit publisher-evidence", "generatePublisherEvidence in Framework64\\v2.0.50727\\aspnet.config"]
        == "false"
    )
    assert values["reg query", "DisableWpad"] == "1"
