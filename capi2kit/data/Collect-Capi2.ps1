#requires -Version 3.0
<#
.SYNOPSIS
Collects what capi2kit needs from one Windows server: the CAPI2 log and the evidence beside it, as one zip.

.DESCRIPTION
Run it as administrator, in 64-bit Windows PowerShell 5.1 or PowerShell 7, on the server that is slow.

It only reads, unless -EnableLog, -DisableLog or -RestartAppPool is given. Before it does anything it prints what
it will read, what it will write, and what a switch will change, with the exact command that undoes the change.
With -WhatIf it stops there. It downloads nothing and sends nothing; see -AllowNetwork.

What goes into the zip:

events    The whole CAPI2 Operational log; of System, Application, the process events (4688, 4689) of Security and
          Sysmon, the last -Hours. Made by wevtutil.exe epl.
iis       IIS logs of the last -Hours, of the folders that the sites name.
httperr   HTTPERR logs of the last -Hours.
firewall  pfirewall.log and pfirewall.log.old.
uls       SharePoint ULS logs of the last -Hours.
proxy     netsh winhttp show proxy, netsh winhttp show advproxy.
certutil  The URL cache of the account that runs the script; the machine stores Root, CA, AuthRoot and Disallowed.
registry  These keys, as text; of the first three Internet Settings only the values, without what lies below them
          (zones, history). <SID> is S-1-5-18, S-1-5-19, S-1-5-20 and every account that runs w3wp.exe, OWSTIMER.EXE
          or one of the services; with -AllAccounts all loaded accounts:
          HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\WinHttp
          HKLM\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings
          HKU\<SID>\Software\Microsoft\Windows\CurrentVersion\Internet Settings
          HKU\<SID>\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections
          HKU\<SID>\Software\Microsoft\Windows\CurrentVersion\WinTrust\Trust Providers\Software Publishing
          HKLM\SOFTWARE\Microsoft\SystemCertificates\AuthRoot\AutoUpdate
          HKLM\SOFTWARE\Policies\Microsoft\SystemCertificates
          HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections
          HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Internet Settings\Connections
          HKLM\SOFTWARE\Microsoft\Cryptography\OID\EncodingType 0\CertDllCreateCertificateChainEngine\Config
          HKLM\SOFTWARE\Wow6432Node\Microsoft\Cryptography\OID\EncodingType 0\CertDllCreateCertificateChainEngine\Config
          HKLM\SYSTEM\CurrentControlSet\Services\crypt32
machine   Clock and time zone, Windows version, .NET versions, services of IIS and SharePoint with their accounts,
          application pools with their accounts, running processes (the command line of w3wp.exe only), state of
          the logs, and names, sizes and times of the files in the URL caches of the service accounts; the hosts
          file, ipconfig /all, netsh http show sslcert, netsh interface tcp show global; two environment variables
          that switch revocation checks; and whether the four configuration files of .NET 2.0 to 3.5 say
          generatePublisherEvidence (nothing else from them).

manifest.csv lists every file with its size, its SHA-256, the command that made it, and when.
collect.log says what could not be read. An error never stops the collection.

It never collects private keys, passwords or connection strings: no web.config, no My store, and of the settings
of IIS only the fields of pools and the log folders, which appcmd.exe reads from applicationHost.config.
Only administrators, the system and the account that runs the script may open the folder and the zip.
What it does read may show user names, client addresses, URLs with their parameters and, in the process events,
command lines. Treat the zip as confidential. -NoProcessLogs leaves the process events out.

.PARAMETER OutputFolder
Where to make the new folder capi2-HOST-UTCTIME and its zip. Default: beside the script, or TEMP if nothing can be
written there. Choose one that only administrators can read.

.PARAMETER Hours
How far back logs are taken, in hours. Default 24. The CAPI2 log is always taken whole.

.PARAMETER EnableLog
Changes the server: switches the log Microsoft-Windows-CAPI2/Operational on and makes it at least -LogSizeMB large.
A log that stops when it is full is set to overwrite its oldest records.
Its state before is kept in -StateFile. Undo with -DisableLog, or with the command that is printed.

.PARAMETER LogSizeMB
Size of the CAPI2 log for -EnableLog, in MB. Default 64. A log that is larger stays so.

.PARAMETER MeasureDurations
Changes the server, with -EnableLog: sets the registry value DiagLevel of the service crypt32 to 5, so that Windows
writes into the CAPI2 log how long each certificate check took. Only processes that start afterwards do. Undo with
-DisableLog, or with the command that is printed.

.PARAMETER DisableLog
Changes the server: after the collection, puts the CAPI2 log back to what it was before -EnableLog, and DiagLevel to
what it was before -MeasureDurations. If that is not known, switches the log off and leaves its size. The file of a
log that becomes smaller keeps its size on the disk until the log is cleared.

.PARAMETER StateFile
Where -EnableLog keeps the state before. Default: capi2kit\capi2-log-before.txt in %ProgramData%.

.PARAMETER RestartAppPool
Changes the server: recycles the application pool of this name, so that a start-up is in the log. Its requests are
slow until it has started, and sessions kept in its memory are lost. Other starts cannot be provoked from here:
restart the timer service of SharePoint, or your program, by hand while the log is on.

.PARAMETER WaitSeconds
How long to wait after -RestartAppPool before collecting. Default 180. Open a page of the site in that time.

.PARAMETER UlsFolder
Folders with ULS logs, if the script does not find them.

.PARAMETER IisFolder
Folders with IIS logs, if the script does not find them.

.PARAMETER AllAccounts
Also takes the proxy and signature settings of every account that is logged on, and lists the files in the URL cache
of every profile.

.PARAMETER NoProcessLogs
Leaves out the process events of Security, and Sysmon: they may hold command lines with passwords.

.PARAMETER NoCollect
Collects nothing: for changing the log only.

.PARAMETER NoZip
Leaves the folder as it is, without a zip.

.PARAMETER AllowNetwork
Allows two reads that may go to the network: the ULS folder is asked of the farm (its configuration database), and
certutil -verifyctl checks the lists of trusted and of disallowed roots.

.EXAMPLE
.\Collect-Capi2.ps1

Collects the last 24 hours. Changes nothing.

.EXAMPLE
.\Collect-Capi2.ps1 -EnableLog -NoCollect
.\Collect-Capi2.ps1 -DisableLog -AllAccounts

Switches the log on; later, when the server was slow again, collects and puts the log back as it was.

.EXAMPLE
.\Collect-Capi2.ps1 -EnableLog -RestartAppPool 'SharePoint - 80' -WaitSeconds 300 -DisableLog -Confirm

All in one run, asking before each change.

.EXAMPLE
.\Collect-Capi2.ps1 -EnableLog -RestartAppPool 'SharePoint - 80' -WhatIf

Only says what would be read, written and changed.

.NOTES
Run it from an elevated console: powershell.exe -NoProfile -ExecutionPolicy Bypass -File .\Collect-Capi2.ps1
IIS writes its log about once a minute: the last requests may be missing.
The script's own certificate checks are in the CAPI2 log, too, under its process id, which it prints.
#>
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Medium', PositionalBinding = $false)]
param(
    [string]$OutputFolder = '',

    [ValidateRange(1, 8760)]
    [int]$Hours = 24,

    [switch]$EnableLog,

    [ValidateRange(1, 4095)]
    [int]$LogSizeMB = 64,

    [switch]$MeasureDurations,

    [switch]$DisableLog,

    [string]$StateFile = '',

    [ValidatePattern('^[^"]*$')]
    [string]$RestartAppPool = '',

    [ValidateRange(0, 7200)]
    [int]$WaitSeconds = 180,

    [string[]]$UlsFolder = @(),

    [string[]]$IisFolder = @(),

    [switch]$AllAccounts,

    [switch]$NoProcessLogs,

    [switch]$NoCollect,

    [switch]$NoZip,

    [switch]$AllowNetwork
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false   # PowerShell 7: exit codes are looked at here

$Channel = 'Microsoft-Windows-CAPI2/Operational'
$System32 = Join-Path -Path $env:windir -ChildPath 'System32'
$Wevtutil = Join-Path -Path $System32 -ChildPath 'wevtutil.exe'
$Appcmd = Join-Path -Path $System32 -ChildPath 'inetsrv\appcmd.exe'
$Reg = Join-Path -Path $System32 -ChildPath 'reg.exe'
$DiagKey = 'HKLM\SYSTEM\CurrentControlSet\Services\crypt32'
$KeepFree = 1073741824     # 1 GB of the disk stays free
$LargestZip = 4294967296   # 4 GB: capi2kit reads more from a folder only

$StartedUtc = [DateTime]::UtcNow
$SinceUtc = $StartedUtc.AddHours(-$Hours)
$Invariant = [System.Globalization.CultureInfo]::InvariantCulture   # other calendars count other years
$KitName = 'capi2-{0}-{1}' -f $env:COMPUTERNAME, $StartedUtc.ToString('yyyyMMddTHHmmssZ', $Invariant)
$KitFolder = ''
$Manifest = New-Object -TypeName System.Collections.ArrayList
$Problems = New-Object -TypeName System.Collections.ArrayList
if (-not $StateFile) {
    $StateFile = Join-Path -Path $env:ProgramData -ChildPath 'capi2kit\capi2-log-before.txt'
}

# name in the kit, key. Values of these keys are settings and public certificates.
$MachineKeys = @(
    @('authroot-autoupdate', 'HKLM\SOFTWARE\Microsoft\SystemCertificates\AuthRoot\AutoUpdate'),
    @('policy-systemcertificates', 'HKLM\SOFTWARE\Policies\Microsoft\SystemCertificates'),
    @('machine-connections', 'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'),
    @('machine-connections-32bit',
        'HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'),
    @('chain-engine-config',
        'HKLM\SOFTWARE\Microsoft\Cryptography\OID\EncodingType 0\CertDllCreateCertificateChainEngine\Config'),
    @('chain-engine-config-32bit',
    'HKLM\SOFTWARE\Wow6432Node\Microsoft\Cryptography\OID\EncodingType 0\CertDllCreateCertificateChainEngine\Config'),
    @('crypt32', 'HKLM\SYSTEM\CurrentControlSet\Services\crypt32')
)

# The same, but only the values of the key itself.
$ValueKeys = @(
    @('winhttp', 'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\WinHttp'),
    @('policy-internet-settings', 'HKLM\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings')
)

# Variables that switch revocation checks of NuGet and of .NET 10, and where CLR 2 looks for publisher evidence.
$Variables = @('NUGET_CERT_REVOCATION_MODE', 'DOTNET_SYSTEM_NET_SECURITY_NOREVOCATIONCHECKBYDEFAULT')
$Clr2Files = @('Framework\v2.0.50727\CONFIG\machine.config', 'Framework\v2.0.50727\aspnet.config',
    'Framework64\v2.0.50727\CONFIG\machine.config', 'Framework64\v2.0.50727\aspnet.config')

# Fields of an application pool. Its password is a field, too: never use a wildcard here.
$PoolFields = @('state', 'autoStart', 'managedRuntimeVersion', 'enable32BitAppOnWin64', 'processModel.identityType',
    'processModel.userName', 'processModel.loadUserProfile', 'processModel.idleTimeout',
    'processModel.startupTimeLimit', 'processModel.shutdownTimeLimit', 'recycling.periodicRestart.time')

$ServiceNames = '^(W3SVC|WAS|IISADMIN|AppHostSvc|SP(Timer|Admin|Trace|UserCode|Writer|Search)\w*|' +
    'OSearch\d+|DCLoadBalancer\d+|DCLauncher\d+|AppFabricCachingService|FIMService|' +
    'FIMSynchronizationService|Project\w+|c2wts|CryptSvc|WinHttpAutoProxySvc|W32Time|adfssrv|EventLog)$'

#region helpers: text, log, manifest

function Format-Utc {
    param([DateTime]$Time)
    return $Time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', $Invariant)
}

function Get-KitPath {
    # Full path of a file in the kit; its folder is made.
    param([string]$File)
    $path = Join-Path -Path $KitFolder -ChildPath $File.Replace('/', '\')
    [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($path))
    return $path
}

function Write-CollectLog {
    param([string]$Kind, [string]$Text)
    $line = '{0} {1}: {2}' -f (Format-Utc -Time ([DateTime]::UtcNow)), $Kind, ($Text -replace '\s+', ' ')
    Add-Content -LiteralPath (Get-KitPath -File 'collect.log') -Value $line -Encoding UTF8
    if ($Kind -eq 'problem') {
        [void]$Problems.Add($Text)
    }
}

function Invoke-Step {
    # Runs one part of the collection. What goes wrong in it is noted, and the next part runs.
    param([string]$Name, [scriptblock]$Action)
    Write-Progress -Activity 'Collecting for capi2kit' -Status $Name
    try {
        & $Action | Out-Null
    }
    catch {
        Write-CollectLog -Kind 'problem' -Text ('{0}: {1}' -f $Name, $_.Exception.Message)
    }
}

function Get-Sha256 {
    param([string]$Path)
    # The provider class works on servers in FIPS mode, too.
    $algorithm = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    $stream = [System.IO.File]::OpenRead($Path)
    try {
        $hash = $algorithm.ComputeHash($stream)
    }
    finally {
        $stream.Dispose()
        $algorithm.Dispose()
    }
    return [System.BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()
}

function Add-ManifestRow {
    param([string]$File, [string]$Command)
    $path = Get-KitPath -File $File
    if (-not (Test-Path -LiteralPath $path)) {
        return
    }
    $row = [pscustomobject]@{
        file    = $File
        bytes   = (Get-Item -LiteralPath $path -Force).Length
        sha256  = Get-Sha256 -Path $path
        command = $Command
        utc     = Format-Utc -Time ([DateTime]::UtcNow)
    }
    [void]$Manifest.Add($row)
}

function Test-Room {
    # Whether so many bytes more leave enough of the disk free. A network share does not tell, and is trusted.
    param([long]$Bytes)
    try {
        $root = [System.IO.Path]::GetPathRoot($KitFolder)
        $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList $root
        return (($drive.AvailableFreeSpace - $Bytes) -gt $KeepFree)
    }
    catch {
        return $true
    }
}

#endregion
#region helpers: what makes the files of the kit

function Save-Output {
    # Runs a program of Windows and keeps what it prints. With {file} among the arguments it writes the file itself.
    param([string]$File, [string]$Program, [string[]]$Arguments)
    $command = '{0} {1}' -f $Program, ($Arguments -join ' ')
    $exe = Join-Path -Path $System32 -ChildPath $Program
    if (-not (Test-Path -LiteralPath $exe)) {
        Write-CollectLog -Kind 'note' -Text ('{0}: there is no {1}' -f $command, $exe)
        return
    }
    $path = Get-KitPath -File $File
    $writesItself = $Arguments -contains '{file}'
    $given = @($Arguments | ForEach-Object { $_.Replace('{file}', $path) })
    $ErrorActionPreference = 'Continue'   # 5.1 makes an error of every line on stderr
    $lines = @(& $exe @given 2>&1 | ForEach-Object { $_.ToString() })
    $code = $LASTEXITCODE
    $ErrorActionPreference = 'Stop'
    if (-not $writesItself) {
        [System.IO.File]::WriteAllLines($path, [string[]]$lines, [System.Text.Encoding]::UTF8)
    }
    if ($code -ne 0) {
        $firstLines = ($lines | Select-Object -First 3) -join ' '
        Write-CollectLog -Kind 'problem' -Text ('{0}: exit code {1}. {2}' -f $command, $code, $firstLines)
    }
    Add-ManifestRow -File $File -Command $command
}

function Save-Table {
    # Objects as CSV. An empty list makes no file, but a note.
    param([string]$File, [object[]]$Rows, [string]$Command)
    if (-not $Rows) {
        Write-CollectLog -Kind 'note' -Text ('{0}: nothing found by {1}' -f $File, $Command)
        return
    }
    $Rows | Export-Csv -LiteralPath (Get-KitPath -File $File) -NoTypeInformation -Encoding UTF8
    Add-ManifestRow -File $File -Command $Command
}

function Copy-SharedFile {
    # Copies a file that may be open for writing, as logs are.
    param([string]$Source, [string]$File)
    $length = (Get-Item -LiteralPath $Source -Force).Length
    if (-not (Test-Room -Bytes $length)) {
        Write-CollectLog -Kind 'problem' -Text ('{0}: {1} bytes left out, the disk would be full' -f $Source, $length)
        return
    }
    $path = Get-KitPath -File $File
    $share = [System.IO.FileShare]'ReadWrite, Delete'
    $from = [System.IO.File]::Open($Source, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, $share)
    try {
        $into = [System.IO.File]::Open($path, [System.IO.FileMode]::CreateNew)
        try {
            $from.CopyTo($into)
        }
        finally {
            $into.Dispose()
        }
    }
    finally {
        $from.Dispose()
    }
    Add-ManifestRow -File $File -Command ('copy of {0}' -f $Source)
}

function Copy-LogFolder {
    # Copies the logs of a folder written to since $SinceUtc, and the newest one in each folder below it:
    # Windows updates the time of a file that is open for writing late, at worst when the next day's file begins.
    param([string]$Folder, [string]$Into, [string]$Pattern)
    if (-not (Test-Path -LiteralPath $Folder)) {
        Write-CollectLog -Kind 'note' -Text ('{0}: there is no such folder' -f $Folder)
        return
    }
    $root = (Get-Item -LiteralPath $Folder -Force).FullName
    $files = @(Get-ChildItem -LiteralPath $root -File -Recurse -ErrorAction SilentlyContinue -ErrorVariable 'closed' |
        Where-Object { $_.Name -match $Pattern })
    foreach ($refusal in $closed) {
        Write-CollectLog -Kind 'problem' -Text ('{0}: {1}' -f $Folder, $refusal.Exception.Message)
    }
    foreach ($group in @($files | Group-Object -Property DirectoryName)) {
        $newest = $group.Group | Sort-Object -Property LastWriteTimeUtc | Select-Object -Last 1
        foreach ($log in $group.Group) {
            $stale = $log.FullName -eq $newest.FullName -and $log.LastWriteTimeUtc -ge $SinceUtc.AddDays(-1)
            if ($log.LastWriteTimeUtc -ge $SinceUtc -or $stale) {
                $relative = $log.FullName.Substring($root.TrimEnd('\').Length).TrimStart('\').Replace('\', '/')
                Invoke-Step -Name $log.FullName -Action {
                    Copy-SharedFile -Source $log.FullName -File ('{0}/{1}' -f $Into, $relative)
                }
            }
        }
    }
}

function Export-Channel {
    # An event log as .evtx, or what a query finds in it.
    param([string]$Name, [string]$File, [string]$Query)
    $log = Get-WinEvent -ListLog $Name -ErrorAction SilentlyContinue
    if (-not $log) {
        Write-CollectLog -Kind 'note' -Text ('{0}: there is no such log, or no right to read it' -f $Name)
        return
    }
    if (-not (Test-Room -Bytes ([long]$log.FileSize))) {
        Write-CollectLog -Kind 'problem' -Text ('{0}: left out, the disk would be full' -f $Name)
        return
    }
    $filter = @()
    if ($Query) {
        $filter = @('/q:{0}' -f $Query)
    }
    Save-Output -File $File -Program 'wevtutil.exe' -Arguments (@('epl', $Name, '{file}', '/ow:true') + $filter)
}

function Get-RegistryValue {
    # A value, or nothing: a key or value that is not there is no error.
    param([string]$Key, [string]$Name)
    if (Test-Path -LiteralPath $Key) {
        return (Get-Item -LiteralPath $Key).GetValue($Name)
    }
}

function Export-Key {
    # A key as text. It does not end in .reg: opening it must not write into a registry.
    # With -ValuesOnly without the keys below it: zones and history stay where they are.
    param([string]$File, [string]$Key, [switch]$ValuesOnly)
    $path = $Key -replace '^HKLM', 'Registry::HKEY_LOCAL_MACHINE' -replace '^HKU', 'Registry::HKEY_USERS'
    if (-not (Test-Path -LiteralPath $path)) {
        Write-CollectLog -Kind 'note' -Text ('{0}: there is no such key, so Windows uses its defaults' -f $Key)
        return
    }
    if ($ValuesOnly) {
        Save-Output -File $File -Program 'reg.exe' -Arguments @('query', $Key)
        return
    }
    Save-Output -File $File -Program 'reg.exe' -Arguments @('export', $Key, '{file}', '/y')
}

function Save-Lines {
    # Lines of text that this script makes itself.
    param([string]$File, [string[]]$Lines, [string]$Command)
    [System.IO.File]::WriteAllLines((Get-KitPath -File $File), $Lines, [System.Text.Encoding]::UTF8)
    Add-ManifestRow -File $File -Command $Command
}

function Get-Rights {
    # Full access for administrators, the system and this account; nothing inherited.
    param([System.Security.AccessControl.FileSystemSecurity]$Empty, [string]$Inherit)
    $own = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $Empty.SetAccessRuleProtection($true, $false)
    foreach ($sid in @('S-1-5-32-544', 'S-1-5-18', $own)) {
        $who = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $sid
        $rule = New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule `
            -ArgumentList @($who, 'FullControl', $Inherit, 'None', 'Allow')
        $Empty.AddAccessRule($rule)
    }
    return $Empty
}

function Protect-Kit {
    # The kit shows command lines and addresses: the rights of the place where it lies are not enough.
    param([string]$Path)
    $rights = Get-Rights -Empty (New-Object -TypeName System.Security.AccessControl.FileSecurity) -Inherit 'None'
    if (Test-Path -LiteralPath $Path -PathType 'Container') {
        $folder = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
        $rights = Get-Rights -Empty $folder -Inherit 'ContainerInherit, ObjectInherit'
    }
    try {
        Set-Acl -LiteralPath $Path -AclObject $rights
    }
    catch {
        Write-Warning ('{0}: its rights could not be narrowed: {1}' -f $Path, $_.Exception.Message)
    }
}

#endregion
#region the parts of the kit

function Save-Events {
    $recent = 'TimeCreated[timediff(@SystemTime) <= {0}]' -f ([long]$Hours * 3600000)
    $query = '*[System[{0}]]' -f $recent
    $processes = '*[System[(EventID=4688 or EventID=4689) and {0}]]' -f $recent
    Invoke-Step -Name 'CAPI2 log' -Action {
        Export-Channel -Name $Channel -File 'events/Microsoft-Windows-CAPI2_Operational.evtx' -Query ''
        if (-not (Get-WinEvent -ListLog $Channel).IsEnabled) {
            Write-CollectLog -Kind 'problem' -Text 'the CAPI2 log is off: run again with -EnableLog, then collect'
            Write-Warning 'The CAPI2 log is off: it holds nothing new. Run again with -EnableLog, then collect.'
        }
    }
    Invoke-Step -Name 'System log' -Action {
        Export-Channel -Name 'System' -File 'events/System.evtx' -Query $query
    }
    Invoke-Step -Name 'Application log' -Action {
        Export-Channel -Name 'Application' -File 'events/Application.evtx' -Query $query
    }
    if (-not $NoProcessLogs) {
        Invoke-Step -Name 'process events of the Security log' -Action {
            Export-Channel -Name 'Security' -File 'events/Security-processes.evtx' -Query $processes
        }
        Invoke-Step -Name 'Sysmon log' -Action {
            Export-Channel -Name 'Microsoft-Windows-Sysmon/Operational' -Query $query `
                -File 'events/Microsoft-Windows-Sysmon_Operational.evtx'
        }
    }
    Invoke-Step -Name 'state of the logs' -Action {
        $names = @($Channel, 'System', 'Application', 'Security', 'Microsoft-Windows-Sysmon/Operational')
        $found = @($names | ForEach-Object { Get-WinEvent -ListLog $_ -ErrorAction SilentlyContinue })
        $rows = @($found | Select-Object -Property 'LogName', 'IsEnabled', 'LogMode', 'MaximumSizeInBytes',
            'FileSize', 'RecordCount')
        Save-Table -File 'machine/event-logs.csv' -Rows $rows -Command 'Get-WinEvent -ListLog'
    }
}

function Expand-Folder {
    # Paths from settings: variables filled in, no \ at the end, each once, nothing empty.
    param([string[]]$Path)
    return ($Path | Where-Object { $_ } |
        ForEach-Object { [System.Environment]::ExpandEnvironmentVariables($_).Trim() -replace '(?<!:)\\+$', '' } |
        Sort-Object -Unique)
}

function Get-IisLogFolder {
    if ($IisFolder) {
        return (Expand-Folder -Path $IisFolder)
    }
    $found = @()
    if (Test-Path -LiteralPath $Appcmd) {
        $all = @(& $Appcmd list site '/text:logFile.directory')
        $found = @($all | Where-Object { $_ -match '^(%|[A-Za-z]:)' })
        foreach ($share in @($all | Where-Object { $_ -and $found -notcontains $_ })) {
            Write-CollectLog -Kind 'problem' -Text ('{0}: a folder on a share; name it with -IisFolder' -f $share)
        }
    }
    $found += '%SystemDrive%\inetpub\logs\LogFiles'
    return (Expand-Folder -Path $found)
}

function Get-UlsLogFolder {
    if ($UlsFolder) {
        return (Expand-Folder -Path $UlsFolder)
    }
    $found = @()
    $root = 'HKLM:\SOFTWARE\Microsoft\Shared Tools\Web Server Extensions'
    if (Test-Path -LiteralPath $root) {
        foreach ($key in @(Get-ChildItem -LiteralPath $root | Where-Object { $_.PSChildName -match '^\d+\.0$' })) {
            $found += Get-RegistryValue -Key ('{0}\{1}\WSS' -f $root, $key.PSChildName) -Name 'LogDir'
            $location = $key.GetValue('Location')
            if ($location) {
                $found += $location.TrimEnd('\') + '\LOGS'
            }
        }
    }
    if ($AllowNetwork) {
        $found += Get-FarmLogFolder
    }
    return (Expand-Folder -Path $found)
}

function Get-FarmLogFolder {
    # Asks the farm: this reads its configuration database. The snap-in is there in Windows PowerShell only.
    try {
        if (-not (Get-Command -Name 'Get-SPDiagnosticConfig' -ErrorAction SilentlyContinue)) {
            Add-PSSnapin -Name 'Microsoft.SharePoint.PowerShell'
        }
        return (Get-SPDiagnosticConfig).LogLocation
    }
    catch {
        Write-CollectLog -Kind 'note' -Text ('the farm was not asked for its ULS folder: {0}' -f $_.Exception.Message)
    }
}

function Get-FirewallLog {
    $found = @('%windir%\System32\LogFiles\Firewall\pfirewall.log')
    if (Get-Command -Name 'Get-NetFirewallProfile' -ErrorAction SilentlyContinue) {
        $found += @(Get-NetFirewallProfile -PolicyStore 'ActiveStore' | ForEach-Object { $_.LogFileName })
    }
    return (Expand-Folder -Path @($found | Where-Object { $_ -match '^(%|[A-Za-z]:)' }))
}

function Save-TextLogs {
    Invoke-Step -Name 'IIS logs' -Action {
        $number = 0
        foreach ($folder in @(Get-IisLogFolder)) {
            $number++
            Copy-LogFolder -Folder $folder -Into ('iis-{0}' -f $number) -Pattern '\.log$'
        }
    }
    Invoke-Step -Name 'HTTPERR logs' -Action {
        $parent = Get-RegistryValue -Key 'HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters' `
            -Name 'ErrorLoggingDir'
        if (-not $parent) {
            $parent = '%windir%\System32\LogFiles'
        }
        $folder = Expand-Folder -Path ($parent.TrimEnd('\') + '\HTTPERR')
        Copy-LogFolder -Folder $folder -Into 'httperr' -Pattern '\.log$'
    }
    Invoke-Step -Name 'firewall log' -Action {
        $number = 0
        foreach ($log in @(Get-FirewallLog)) {
            $number++
            foreach ($path in @($log, ($log + '.old'))) {
                if (Test-Path -LiteralPath $path) {
                    $leaf = Split-Path -Path $path -Leaf
                    Copy-SharedFile -Source $path -File ('firewall/{0}-{1}' -f $number, $leaf)
                }
            }
        }
    }
    Invoke-Step -Name 'ULS logs' -Action {
        $number = 0
        foreach ($folder in @(Get-UlsLogFolder)) {
            $number++
            Copy-LogFolder -Folder $folder -Into ('uls-{0}' -f $number) -Pattern '-\d{8}-\d{4}.*\.log$'
        }
    }
}

function Save-Settings {
    Invoke-Step -Name 'WinHTTP proxy' -Action {
        Save-Output -File 'proxy/netsh-winhttp-proxy.txt' -Program 'netsh.exe' -Arguments @('winhttp', 'show', 'proxy')
        Save-Output -File 'proxy/netsh-winhttp-advproxy.txt' -Program 'netsh.exe' `
            -Arguments @('winhttp', 'show', 'advproxy')
    }
    foreach ($pair in $MachineKeys) {
        Invoke-Step -Name $pair[1] -Action {
            Export-Key -File ('registry/{0}.reg.txt' -f $pair[0]) -Key $pair[1]
        }
    }
    foreach ($pair in $ValueKeys) {
        Invoke-Step -Name $pair[1] -Action {
            Export-Key -ValuesOnly -File ('registry/{0}.query.txt' -f $pair[0]) -Key $pair[1]
        }
    }
    $sids = @('S-1-5-18', 'S-1-5-19', 'S-1-5-20') + @(Get-ServiceSid) | Sort-Object -Unique
    if ($AllAccounts) {
        $sids += @(Get-ChildItem -LiteralPath 'Registry::HKEY_USERS' -ErrorAction SilentlyContinue |
            ForEach-Object { $_.PSChildName } | Where-Object { $_ -match '^S-1-5-(21|80|82)-[0-9-]+$' })
        $sids = $sids | Sort-Object -Unique
    }
    foreach ($sid in $sids) {
        Invoke-Step -Name ('settings of {0}' -f $sid) -Action {
            Export-Key -ValuesOnly -File ('registry/{0}-internet-settings.query.txt' -f $sid) `
                -Key "HKU\$sid\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
            Export-Key -File ('registry/{0}-connections.reg.txt' -f $sid) `
                -Key "HKU\$sid\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
            Export-Key -File ('registry/{0}-software-publishing.reg.txt' -f $sid) `
                -Key "HKU\$sid\Software\Microsoft\Windows\CurrentVersion\WinTrust\Trust Providers\Software Publishing"
        }
    }
}

function Get-ServiceSid {
    # The accounts that run worker processes, the timer of SharePoint and the services that are listed.
    $services = @(Get-CimInstance -ClassName 'Win32_Service' | Where-Object { $_.Name -match $ServiceNames } |
        ForEach-Object { $_.ProcessId })
    $running = @(Get-CimInstance -ClassName 'Win32_Process' | Where-Object {
        $_.Name -match '^(w3wp|owstimer)\.exe$' -or ($_.ProcessId -and $services -contains $_.ProcessId) })
    return ($running | ForEach-Object { (Invoke-CimMethod -InputObject $_ -MethodName 'GetOwnerSid').Sid } |
        Where-Object { $_ -match '^S-1-5-[0-9-]+$' } | Sort-Object -Unique)
}

function Save-Certificates {
    Invoke-Step -Name 'URL cache of this account' -Action {
        Save-Output -File 'certutil/urlcache.txt' -Program 'certutil.exe' -Arguments @('-urlcache', '*')
    }
    foreach ($store in @('Root', 'CA', 'AuthRoot', 'Disallowed')) {
        Invoke-Step -Name ('certificate store {0}' -f $store) -Action {
            Save-Output -File ('certutil/store-{0}.txt' -f $store) -Program 'certutil.exe' `
                -Arguments @('-silent', '-store', $store)
        }
    }
    if ($AllowNetwork) {
        foreach ($list in @('AuthRoot', 'Disallowed')) {
            Invoke-Step -Name ('trust list {0}' -f $list) -Action {
                Save-Output -File ('certutil/verifyctl-{0}.txt' -f $list) -Program 'certutil.exe' `
                    -Arguments @('-verifyctl', $list)
            }
        }
    }
}

function Save-CacheListing {
    # Names, sizes and times only. The name of a file is the MD5 of its URL.
    $profiles = @(
        @('S-1-5-18', (Join-Path -Path $System32 -ChildPath 'config\systemprofile')),
        @('S-1-5-19', (Join-Path -Path $env:windir -ChildPath 'ServiceProfiles\LocalService')),
        @('S-1-5-20', (Join-Path -Path $env:windir -ChildPath 'ServiceProfiles\NetworkService'))
    )
    $known = @($profiles | ForEach-Object { $_[0] })
    $own = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    foreach ($one in @(Get-CimInstance -ClassName 'Win32_UserProfile' | Where-Object { $_.LocalPath })) {
        if (($AllAccounts -or $one.SID -eq $own) -and $known -notcontains $one.SID) {
            $profiles += , @($one.SID, $one.LocalPath)
        }
    }
    $rows = @(foreach ($pair in $profiles) {
        foreach ($part in @('Content', 'MetaData')) {
            $folder = Join-Path -Path $pair[1] -ChildPath ('AppData\LocalLow\Microsoft\CryptnetUrlCache\' + $part)
            Get-ChildItem -LiteralPath $folder -File -Force -ErrorAction SilentlyContinue | ForEach-Object {
                [pscustomobject]@{
                    account      = $pair[0]
                    folder       = $folder
                    file         = $_.Name
                    bytes        = $_.Length
                    created_utc  = Format-Utc -Time $_.CreationTimeUtc
                    modified_utc = Format-Utc -Time $_.LastWriteTimeUtc
                }
            }
        }
    })
    Save-Table -File 'machine/urlcache-files.csv' -Rows $rows -Command 'Get-ChildItem CryptnetUrlCache'
}

function Save-Machine {
    $zone = [System.TimeZoneInfo]::Local
    $now = [System.DateTimeOffset]::Now
    $windows = Get-CimInstance -ClassName 'Win32_OperatingSystem'
    $build = Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' -Name 'UBR'
    $user = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $lines = @(
        ('host: {0}' -f $env:COMPUTERNAME),
        ('collected_utc: {0}' -f (Format-Utc -Time $StartedUtc)),
        ('hours: {0}' -f $Hours),
        ('time_zone: {0}' -f $zone.Id),
        ('utc_offset_minutes: {0}' -f $now.Offset.TotalMinutes),
        ('daylight_saving_now: {0}' -f $zone.IsDaylightSavingTime($now)),
        ('windows: {0}' -f $windows.Caption),
        ('version: {0}.{1}' -f $windows.Version, $build),
        ('last_boot_utc: {0}' -f (Format-Utc -Time $windows.LastBootUpTime)),
        ('powershell: {0}' -f $PSVersionTable.PSVersion),
        ('console_encoding: {0}' -f [System.Console]::OutputEncoding.WebName),
        ('collected_by: {0} {1}' -f $user.User.Value, $user.Name),
        ('process_id: {0}' -f $PID)
    )
    $path = Get-KitPath -File 'machine/machine.txt'
    [System.IO.File]::WriteAllLines($path, [string[]]$lines, [System.Text.Encoding]::UTF8)
    Add-ManifestRow -File 'machine/machine.txt' -Command 'TimeZoneInfo, Win32_OperatingSystem'
}

function Save-Network {
    Invoke-Step -Name 'hosts file' -Action {
        $hosts = Join-Path -Path $System32 -ChildPath 'drivers\etc\hosts'
        Save-Lines -File 'machine/hosts.txt' -Lines @(Get-Content -LiteralPath $hosts) -Command 'hosts file'
    }
    Invoke-Step -Name 'network settings' -Action {
        Save-Output -File 'machine/ipconfig.txt' -Program 'ipconfig.exe' -Arguments @('/all')
        Save-Output -File 'machine/netsh-http-sslcert.txt' -Program 'netsh.exe' -Arguments @('http', 'show', 'sslcert')
        Save-Output -File 'machine/netsh-tcp-global.txt' -Program 'netsh.exe' `
            -Arguments @('interface', 'tcp', 'show', 'global')
    }
    Invoke-Step -Name 'environment variables' -Action {
        $lines = @(foreach ($name in $Variables) {
            $value = [System.Environment]::GetEnvironmentVariable($name, 'Machine')
            if ($value) { '{0}: {1}' -f $name, $value } else { '{0}: (not set)' -f $name }
        })
        Save-Lines -File 'machine/environment.txt' -Lines $lines -Command 'environment of the machine'
    }
    Invoke-Step -Name 'publisher evidence' -Action {
        $lines = @(foreach ($file in $Clr2Files) {
            $path = Join-Path -Path $env:windir -ChildPath ('Microsoft.NET\' + $file)
            $said = 'no file'
            if (Test-Path -LiteralPath $path) {
                $text = (Get-Content -LiteralPath $path) -join ' '
                $said = 'not there'
                if ($text -match '<generatePublisherEvidence\s+enabled\s*=\s*"(true|false)"') {
                    $said = $Matches[1]
                }
            }
            'generatePublisherEvidence in {0}: {1}' -f $file, $said
        })
        Save-Lines -File 'machine/publisher-evidence.txt' -Lines $lines -Command 'one element of four files'
    }
}

function Save-Versions {
    $keys = @(Get-ChildItem -LiteralPath 'HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP' -Recurse |
        Where-Object { $_.GetValue('Version') })
    $rows = @(foreach ($key in $keys) {
        [pscustomobject]@{
            key     = $key.Name
            version = $key.GetValue('Version')
            release = $key.GetValue('Release')
        }
    })
    Save-Table -File 'machine/dotnet.csv' -Rows $rows -Command 'registry: NET Framework Setup\NDP'
}

function Save-Processes {
    $rows = @(foreach ($one in @(Get-CimInstance -ClassName 'Win32_Process')) {
        $started = ''
        if ($one.CreationDate) {
            $started = Format-Utc -Time $one.CreationDate
        }
        $line = ''
        if ($one.Name -eq 'w3wp.exe') {   # names the application pool; of other processes it may hold secrets
            $line = $one.CommandLine
        }
        [pscustomobject]@{
            name = $one.Name; pid = $one.ProcessId; parent = $one.ParentProcessId; started_utc = $started
            command_line = $line
        }
    })
    Save-Table -File 'machine/processes.csv' -Rows $rows -Command 'Win32_Process'
}

function Save-Services {
    $rows = @(Get-CimInstance -ClassName 'Win32_Service' | Where-Object { $_.Name -match $ServiceNames } |
        Select-Object -Property 'Name', 'State', 'StartMode', 'StartName', 'ProcessId')
    Save-Table -File 'machine/services.csv' -Rows $rows -Command 'Win32_Service'
}

function Save-AppPools {
    if (-not (Test-Path -LiteralPath $Appcmd)) {
        Write-CollectLog -Kind 'note' -Text 'application pools: there is no appcmd.exe, so no IIS'
        return
    }
    $pools = @(& $Appcmd list apppool '/text:name' | Where-Object { $_ })
    $rows = @(foreach ($pool in $pools) {
        foreach ($field in $PoolFields) {
            $value = @(& $Appcmd list apppool "/apppool.name:$pool" "/text:$field") -join ' '
            [pscustomobject]@{ pool = $pool; field = $field; value = $value }
        }
    })
    Save-Table -File 'machine/apppools.csv' -Rows $rows -Command 'appcmd.exe list apppool /text:FIELD'
}

function Save-Zip {
    # One zip of what the manifest lists, with / in the names. Compress-Archive ends at 2 GB, this does not.
    param([string]$Path)
    Add-Type -AssemblyName 'System.IO.Compression'
    Add-Type -AssemblyName 'System.IO.Compression.FileSystem'
    $unfinished = $Path + '.part'
    $zip = [System.IO.Compression.ZipFile]::Open($unfinished, [System.IO.Compression.ZipArchiveMode]::Create)
    try {
        foreach ($file in (@($Manifest | ForEach-Object { $_.file }) + 'manifest.csv')) {
            Write-Progress -Activity 'Collecting for capi2kit' -Status ('packing {0}' -f $file)
            [void][System.IO.Compression.ZipFileExtensions]::CreateEntryFromFile($zip, (Get-KitPath -File $file),
                $file, [System.IO.Compression.CompressionLevel]::Optimal)
        }
    }
    finally {
        $zip.Dispose()
    }
    Protect-Kit -Path $unfinished
    [System.IO.File]::Move($unfinished, $Path)
}

#endregion
#region the run

function Invoke-Collection {
    $ConfirmPreference = 'None'   # -Confirm is for changes, not for the files of the kit
    Save-Events
    Save-TextLogs
    Save-Settings
    Save-Certificates
    Invoke-Step -Name 'machine' -Action { Save-Machine }
    Save-Network
    Invoke-Step -Name 'clock' -Action {
        Save-Output -File 'machine/w32tm-tz.txt' -Program 'w32tm.exe' -Arguments @('/tz')
        Save-Output -File 'machine/w32tm-status.txt' -Program 'w32tm.exe' -Arguments @('/query', '/status')
    }
    Invoke-Step -Name '.NET versions' -Action { Save-Versions }
    Invoke-Step -Name 'services' -Action { Save-Services }
    Invoke-Step -Name 'processes' -Action { Save-Processes }
    Invoke-Step -Name 'application pools' -Action { Save-AppPools }
    Invoke-Step -Name 'files in the URL caches' -Action { Save-CacheListing }
    Write-CollectLog -Kind 'note' -Text ('{0} files, {1} problems' -f $Manifest.Count, $Problems.Count)
    Add-ManifestRow -File 'collect.log' -Command 'Collect-Capi2.ps1'
    $Manifest | Export-Csv -LiteralPath (Get-KitPath -File 'manifest.csv') -NoTypeInformation -Encoding UTF8

    $zipFile = ''
    $zipHash = ''
    if (-not $NoZip) {
        try {
            Save-Zip -Path ($KitFolder + '.zip')
            $zipFile = $KitFolder + '.zip'
            $zipHash = Get-Sha256 -Path $zipFile
        }
        catch {
            Write-Warning ('No zip: {0} Pack the folder yourself.' -f $_.Exception.Message)
        }
    }
    Write-Progress -Activity 'Collecting for capi2kit' -Completed
    $bytes = ($Manifest | Measure-Object -Property bytes -Sum).Sum
    if ($bytes -gt $LargestZip) {
        Write-Warning 'More than 4 GB: unpack the zip and give capi2kit the folder, or collect fewer hours.'
    }
    [pscustomobject]@{
        Zip = $zipFile; Sha256 = $zipHash; Folder = $KitFolder; Files = $Manifest.Count; Bytes = $bytes
        Problems = $Problems.Count
    }
}

function Get-StateBefore {
    # What -EnableLog kept: enabled (true or false) and maxSize, or nothing.
    if (-not (Test-Path -LiteralPath $StateFile)) {
        return
    }
    $text = (Get-Content -LiteralPath $StateFile) -join ' '
    if ($text -match 'enabled=(true|false) maxSize=(\d{5,12})\b') {
        $state = [pscustomobject]@{ Enabled = $Matches[1]; MaxSize = [long]$Matches[2]; DiagLevel = ''; Mode = '' }
        if ($text -match 'mode=(Retain|AutoBackup)\b') {
            $state.Mode = $Matches[1]
        }
        if ($text -match 'diagLevel=(none|\d{1,9})\b') {
            $state.DiagLevel = $Matches[1]
        }
        return $state
    }
    Write-Warning ('{0} is not readable; it is taken as absent.' -f $StateFile)
}

function Get-ModeArgument {
    # The arguments of wevtutil.exe that put back what a log does when it is full.
    param([string]$Mode)
    if ($Mode -eq 'Retain') {
        return @('/rt:true', '/ab:false')
    }
    if ($Mode -eq 'AutoBackup') {
        return @('/rt:true', '/ab:true')
    }
}

function Get-DiagUndo {
    # The arguments of reg.exe that put DiagLevel back to what it was.
    param([string]$Before)
    if ($Before -eq 'none') {
        return @('delete', $DiagKey, '/v', 'DiagLevel', '/f')
    }
    return @('add', $DiagKey, '/v', 'DiagLevel', '/t', 'REG_DWORD', '/d', $Before, '/f')
}

function Test-Administrator {
    $user = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $user
    return $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Write-Plan {
    param([string[]]$Changes, [string]$Place)
    $reads = 'Reads: event logs, IIS, HTTPERR, firewall and ULS logs of the last {0} hours, proxy settings,' -f $Hours
    $lines = @('Collect-Capi2: evidence for capi2kit', '', $reads,
        '  registry keys of certificate checks, certificate stores Root, CA, AuthRoot (public parts), URL cache,',
        '  clock, Windows and .NET versions, services, application pools, processes. Get-Help lists all of it.',
        'Collects no private keys, passwords or connection strings; of the settings of IIS only pools and log folders.')
    if ($NoCollect) {
        $lines = @('Collect-Capi2: collects nothing (-NoCollect)')
    }
    else {
        $lines += 'Writes: the new folder {0}' -f (Join-Path -Path $Place -ChildPath $KitName)
        if (-not $NoZip) {
            $lines += '  and, beside it, {0}.zip' -f $KitName
        }
        if (-not $NoProcessLogs) {
            $lines += '  The process events in it may show command lines; -NoProcessLogs leaves them out.'
        }
        $lines += 'Network: nothing is sent or downloaded.'
        if ($AllowNetwork) {
            $lines[-1] = 'Network: the farm is asked for its ULS folder, and trust lists are checked (-AllowNetwork).'
        }
    }
    $lines += ''
    $lines += $Changes
    $lines += 'This script is process {0}: its own certificate checks are in the CAPI2 log, too.' -f $PID
    $lines | ForEach-Object { Write-Host $_ }
}

if ([System.Environment]::Is64BitOperatingSystem -and -not [System.Environment]::Is64BitProcess) {
    throw 'This is a 32-bit PowerShell: it would read the wrong registry keys and folders. Start the 64-bit one.'
}
$changing = $EnableLog -or $DisableLog -or $RestartAppPool
if (-not (Test-Administrator)) {
    if ($changing -and -not $WhatIfPreference) {
        throw 'Not an administrator: start PowerShell with "Run as administrator" to change anything.'
    }
    Write-Warning 'Not an administrator: logs, keys and folders that need it will be missing.'
}

if ($RestartAppPool -and -not (Test-Path -LiteralPath $Appcmd)) {
    throw 'There is no appcmd.exe: IIS is not installed here, so no application pool can be recycled.'
}

$place = $OutputFolder
if (-not $place) {
    $place = $PSScriptRoot
}
if (-not $place) {
    $place = $env:TEMP
}
$place = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($place)
$StateFile = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($StateFile)

if ($MeasureDurations -and -not $EnableLog) {
    throw '-MeasureDurations goes with -EnableLog: durations are written into the CAPI2 log.'
}

# What to say before, and what to do later: the commands are the same ones.
$changes = @('Changes: nothing.')
$measure = @('add', $DiagKey, '/v', 'DiagLevel', '/t', 'REG_DWORD', '/d', '5', '/f')
$diagBefore = ''
$before = $null
$enable = @()
$undo = @()
if ($changing) {
    $changes = @('Changes:')
}
if ($EnableLog -or $DisableLog) {
    $log = Get-WinEvent -ListLog $Channel
    $before = Get-StateBefore
    if ($before) {
        $undo = @('sl', $Channel, ('/e:{0}' -f $before.Enabled), ('/ms:{0}' -f $before.MaxSize)) +
            @(Get-ModeArgument -Mode $before.Mode)
    }
    elseif ($EnableLog) {
        $undo = @('sl', $Channel, ('/e:{0}' -f $log.IsEnabled.ToString().ToLowerInvariant()),
            ('/ms:{0}' -f $log.MaximumSizeInBytes)) + @(Get-ModeArgument -Mode ([string]$log.LogMode))
    }
    else {
        $undo = @('sl', $Channel, '/e:false')
    }
}
if ($EnableLog) {
    $size = [Math]::Max([long]$log.MaximumSizeInBytes, [long]$LogSizeMB * 1048576)
    $enable = @('sl', $Channel, '/e:true', ('/ms:{0}' -f $size))
    if ([string]$log.LogMode -ne 'Circular') {   # it would stop when it is full
        $enable += @('/rt:false', '/ab:false')
    }
    $changes += '  wevtutil.exe {0}' -f ($enable -join ' ')
    $changes += '  and keeps the state before in {0}' -f $StateFile
    $changes += '  Undo: wevtutil.exe {0}' -f ($undo -join ' ')
}
if ($before -and $before.DiagLevel) {
    $diagBefore = $before.DiagLevel
}
elseif ($MeasureDurations) {
    $path = $DiagKey -replace '^HKLM', 'Registry::HKEY_LOCAL_MACHINE'
    $diagBefore = [string](Get-RegistryValue -Key $path -Name 'DiagLevel')
    if (-not $diagBefore) {
        $diagBefore = 'none'
    }
}
if ($MeasureDurations) {
    $changes += '  reg.exe {0}' -f ($measure -join ' ')
    $changes += '  Only processes that start afterwards write their durations.'
    $changes += '  Undo: reg.exe {0}' -f ((Get-DiagUndo -Before $diagBefore) -join ' ')
}
if ($RestartAppPool) {
    $changes += '  appcmd.exe recycle apppool "/apppool.name:{0}", then waits {1} s' -f $RestartAppPool, $WaitSeconds
    $changes += '  No undo: its users wait while it starts, and sessions kept in its memory are lost.'
}
if ($DisableLog) {
    $changes += '  after the collection: wevtutil.exe {0}' -f ($undo -join ' ')
    if ($diagBefore) {
        $changes += '  and reg.exe {0}' -f ((Get-DiagUndo -Before $diagBefore) -join ' ')
    }
    $changes += '  and removes {0}' -f $StateFile
    $changes += '  Undo: wevtutil.exe sl {0} /e:true' -f $Channel
}
Write-Plan -Changes $changes -Place $place

if ($EnableLog) {
    if ($PSCmdlet.ShouldProcess($Channel, ('wevtutil.exe {0}' -f ($enable -join ' ')))) {
        if (-not $before) {
            [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($StateFile))
            $state = @(('enabled={0}' -f $log.IsEnabled.ToString().ToLowerInvariant()),
                ('maxSize={0}' -f $log.MaximumSizeInBytes), ('mode={0}' -f $log.LogMode),
                ('utc={0}' -f (Format-Utc -Time $StartedUtc)))
            Set-Content -LiteralPath $StateFile -Value $state -Encoding UTF8 -Confirm:$false
        }
        & $Wevtutil @enable
        if ($LASTEXITCODE -ne 0) {
            throw ('wevtutil.exe could not change the CAPI2 log: exit code {0}' -f $LASTEXITCODE)
        }
        Write-Host ('The CAPI2 log is on. Undo: wevtutil.exe {0}' -f ($undo -join ' '))
    }
}

if ($MeasureDurations) {
    if ($PSCmdlet.ShouldProcess($DiagKey, ('reg.exe {0}' -f ($measure -join ' ')))) {
        if (-not ($before -and $before.DiagLevel)) {
            $state = @(Get-Content -LiteralPath $StateFile) + ('diagLevel={0}' -f $diagBefore)
            Set-Content -LiteralPath $StateFile -Value $state -Encoding UTF8 -Confirm:$false
        }
        & $Reg @measure
        if ($LASTEXITCODE -ne 0) {
            throw ('reg.exe could not set DiagLevel: exit code {0}' -f $LASTEXITCODE)
        }
        $back = Get-DiagUndo -Before $diagBefore
        Write-Host 'Processes that start from now on write how long each check took.'
        Write-Host ('Undo: reg.exe {0}' -f ($back -join ' '))
    }
}

if ($RestartAppPool) {
    if ($PSCmdlet.ShouldProcess($RestartAppPool, 'appcmd.exe recycle apppool')) {
        & $Appcmd recycle apppool "/apppool.name:$RestartAppPool" | ForEach-Object { Write-Host $_ }
        if ($LASTEXITCODE -ne 0) {
            Write-Warning ('The application pool was not recycled: exit code {0}' -f $LASTEXITCODE)
        }
        else {
            Write-Host 'Open a page of the site now, so that it starts. Other programs: restart them by hand.'
            for ($second = 0; $second -lt $WaitSeconds; $second++) {
                Write-Progress -Activity 'Waiting for the start-up' -Status ('{0} s left' -f ($WaitSeconds - $second))
                Start-Sleep -Seconds 1
            }
            Write-Progress -Activity 'Waiting for the start-up' -Completed
        }
    }
}

if (-not $NoCollect -and -not $WhatIfPreference) {
    $KitFolder = Join-Path -Path $place -ChildPath $KitName
    try {
        [void][System.IO.Directory]::CreateDirectory($KitFolder)
    }
    catch {
        if ($OutputFolder) {
            throw
        }
        $KitFolder = Join-Path -Path $env:TEMP -ChildPath $KitName
        [void][System.IO.Directory]::CreateDirectory($KitFolder)
        Write-Warning ('{0} cannot be written to; the kit goes to {1}' -f $place, $KitFolder)
    }
    Protect-Kit -Path $KitFolder
    Invoke-Collection
}

if ($DisableLog) {
    if ($PSCmdlet.ShouldProcess($Channel, ('wevtutil.exe {0}' -f ($undo -join ' ')))) {
        & $Wevtutil @undo
        if ($LASTEXITCODE -ne 0) {
            throw ('wevtutil.exe could not change the CAPI2 log: exit code {0}' -f $LASTEXITCODE)
        }
        if ($diagBefore) {
            $back = Get-DiagUndo -Before $diagBefore
            & $Reg @back
            if ($LASTEXITCODE -ne 0) {
                throw ('reg.exe could not put DiagLevel back: exit code {0}' -f $LASTEXITCODE)
            }
        }
        if (Test-Path -LiteralPath $StateFile) {
            Remove-Item -LiteralPath $StateFile -Confirm:$false
        }
        Write-Host ('Done: wevtutil.exe {0}' -f ($undo -join ' '))
    }
}

#endregion
