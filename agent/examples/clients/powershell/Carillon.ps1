<#
.SYNOPSIS
A client of a desk's local API: calls, events, and a page when somebody calls. Windows PowerShell 5.1 or newer.
.DESCRIPTION
Checked by reading only: no PowerShell runs in the suites of Carillon. The same steps in Python and JavaScript are run.
.EXAMPLE
.\Carillon.ps1 -Call 1002
.EXAMPLE
.\Carillon.ps1 -Watch
.EXAMPLE
.\Carillon.ps1 -Pop 'https://crm.example/?number={number}&name={name}'
#>
[CmdletBinding(DefaultParameterSetName = 'Watch')]
param(
    [Parameter(ParameterSetName = 'Call', Mandatory)] [string] $Call,
    [Parameter(ParameterSetName = 'Watch')] [switch] $Watch,
    [Parameter(ParameterSetName = 'Pop', Mandatory)] [string] $Pop,
    [string] $State
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Net.Http

# Where an agent keeps its state when nobody says otherwise.
if (-not $State) { $State = $env:CARILLON_STATE }
if (-not $State) { $State = Join-Path $env:LOCALAPPDATA 'carillon' }
$file = Join-Path $State 'control.json'
if (-not (Test-Path -LiteralPath $file)) { throw "no agent runs here: $file is not there" }
# Anew for every start of the agent, and readable for its user alone.
$control = Get-Content -LiteralPath $file -Raw | ConvertFrom-Json
$base = "http://$($control.address)"

$client = [System.Net.Http.HttpClient]::new()
$client.Timeout = [System.Threading.Timeout]::InfiniteTimeSpan
$client.DefaultRequestHeaders.Authorization =
    [System.Net.Http.Headers.AuthenticationHeaderValue]::new('Bearer', $control.token)

# One request; the answer as an object.
function Invoke-Desk([string] $Method, [string] $Path, $Body) {
    $request = [System.Net.Http.HttpRequestMessage]::new([System.Net.Http.HttpMethod]::new($Method), "$base$Path")
    if ($null -ne $Body) {
        $json = ConvertTo-Json -InputObject $Body -Compress
        $request.Content = [System.Net.Http.StringContent]::new($json, [System.Text.Encoding]::UTF8, 'application/json')
    }
    $answer = $client.SendAsync($request).GetAwaiter().GetResult()
    $text = $answer.Content.ReadAsStringAsync().GetAwaiter().GetResult()
    $data = if ($text) { ConvertFrom-Json $text } else { $null }
    if (-not $answer.IsSuccessStatusCode) { throw $data.detail }
    $data
}

# A reader of everything that happens from now on. Listens before it returns.
function Open-DeskEvents {
    $headersRead = [System.Net.Http.HttpCompletionOption]::ResponseHeadersRead
    $answer = $client.GetAsync("$base/v1/events", $headersRead).GetAwaiter().GetResult()
    $null = $answer.EnsureSuccessStatusCode()
    $stream = $answer.Content.ReadAsStreamAsync().GetAwaiter().GetResult()
    $reader = [System.IO.StreamReader]::new($stream, [System.Text.Encoding]::UTF8)
    # The comment that says: nothing is missed from here on.
    $null = $reader.ReadLine()
    $reader
}

# The next event: its name and its data.
function Read-DeskEvent($Reader) {
    $name = ''
    while ($null -ne ($line = $Reader.ReadLine())) {
        if ($line.StartsWith('event: ')) { $name = $line.Substring(7) }
        elseif ($line.StartsWith('data: ')) {
            return [pscustomobject]@{ Name = $name; Data = ConvertFrom-Json $line.Substring(6) }
        }
    }
}

# The address with {number}, {name} and {domain} percent-encoded, so that a caller writes no address.
function Get-Page([string] $Template, $Of) {
    $address = $Of.peer.Substring($Of.peer.IndexOf(':') + 1)
    $at = $address.LastIndexOf('@')
    $user = if ($at -ge 0) { $address.Substring(0, $at).Split(';')[0] } else { '' }
    $values = @{
        number = [uri]::UnescapeDataString($user)
        name   = [string] $Of.peer_name
        domain = $address.Substring($at + 1).Split(';')[0]
    }
    foreach ($token in $values.Keys) {
        $Template = $Template.Replace("{$token}", [uri]::EscapeDataString($values[$token]))
    }
    $Template
}

$reader = Open-DeskEvents
switch ($PSCmdlet.ParameterSetName) {
    'Call' {
        $placed = Invoke-Desk POST '/v1/calls' @{ target = $Call }
        "calling $($placed.peer)"
        $seen = ''
        while ($event = Read-DeskEvent $reader) {
            if ($event.Name -eq 'call_changed' -and $event.Data.id -eq $placed.id -and $event.Data.state -ne $seen) {
                $seen = $event.Data.state
                $seen
            } elseif ($event.Name -eq 'call_ended' -and $event.Data.call.id -eq $placed.id) {
                "ended: $($event.Data.text)"
                break
            }
        }
    }
    'Watch' {
        while ($event = Read-DeskEvent $reader) { "$($event.Name) $(ConvertTo-Json $event.Data -Compress -Depth 8)" }
    }
    'Pop' {
        if ($Pop -notmatch '^https?://[^{}/]+/') { throw 'an address like https://crm.example/?number={number} is needed' }
        $known = @{}
        while ($event = Read-DeskEvent $reader) {
            if ($event.Name -ne 'call_changed' -or $event.Data.direction -ne 'incoming' -or $known[$event.Data.id]) { continue }
            $known[$event.Data.id] = $true
            $address = Get-Page $Pop $event.Data
            $address
            # The handler of the scheme, by argument; no command line is read.
            Start-Process -FilePath $address
        }
    }
}
