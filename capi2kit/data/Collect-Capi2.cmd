@echo off
rem Collects what capi2kit needs from a server with PowerShell 2, such as a stock Windows Server 2008 R2.
rem Run it as administrator. It only reads. It makes one folder beside itself: zip that folder and take it with you.
rem If the CAPI2 log is off, switch it on first: wevtutil sl Microsoft-Windows-CAPI2/Operational /e:true /ms:67108864
setlocal
set KIT=%~dp0capi2-%COMPUTERNAME%
set SET=Software\Microsoft\Windows\CurrentVersion\Internet Settings
mkdir "%KIT%\events" "%KIT%\proxy" "%KIT%\registry" "%KIT%\certutil" "%KIT%\machine" || exit /b 1
icacls "%KIT%" /inheritance:r /grant:r *S-1-5-32-544:(OI)(CI)F *S-1-5-18:(OI)(CI)F
wevtutil epl Microsoft-Windows-CAPI2/Operational "%KIT%\events\Microsoft-Windows-CAPI2_Operational.evtx"
for %%L in (System Application) do wevtutil epl %%L "%KIT%\events\%%L.evtx" "/q:*[System[TimeCreated[timediff(@SystemTime) <= 86400000]]]"
netsh winhttp show proxy > "%KIT%\proxy\netsh-winhttp-proxy.txt"
netsh http show sslcert > "%KIT%\machine\netsh-http-sslcert.txt"
for %%S in (18 19 20) do reg query "HKU\S-1-5-%%S\%SET%" > "%KIT%\registry\S-1-5-%%S-internet-settings.query.txt"
reg export "HKLM\%SET%\Connections" "%KIT%\registry\machine-connections.reg.txt" /y
reg export HKLM\SOFTWARE\Policies\Microsoft\SystemCertificates "%KIT%\registry\policy-systemcertificates.reg.txt" /y
reg export HKLM\SOFTWARE\Microsoft\SystemCertificates\AuthRoot\AutoUpdate "%KIT%\registry\authroot-autoupdate.reg.txt" /y
for %%T in (Root CA AuthRoot Disallowed) do certutil -silent -store %%T > "%KIT%\certutil\store-%%T.txt"
certutil -urlcache * > "%KIT%\certutil\urlcache.txt"
type %windir%\System32\drivers\etc\hosts > "%KIT%\machine\hosts.txt"
if exist %windir%\System32\inetsrv\appcmd.exe %windir%\System32\inetsrv\appcmd.exe list wp > "%KIT%\worker-processes.txt"
w32tm /tz > "%KIT%\machine\w32tm-tz.txt"
echo Done: "%KIT%"
