//! What the help shows beside the grammar: examples, MicroSIP's switches, the exit codes.

pub(super) const WHOLE: &str = "Without a verb:
  carillon 1002                     call, as 'carillon dial 1002'; a verb's name wins over a name to call
  carillon '+49 (89) 12-34'         call a number as people write it; also 192.0.2.7, sip:, tel:, callto:
  carillon '1002 on my way'         send a message

MicroSIP's switches, with / or -, in any order:
  /answer  /hangupall  /hangupincoming  /hangupcalling  /hangup  /dial:N  /transfer:X  /dtmf:X
  /account:ID  /minimized  /exit  /reset  /resetnoask  /i:FILE  and msip:answer, msip:transfer_X, …
  /password: is refused: what stands on a command line, others can read.

Exit codes:
  0  done
  1  something unexpected
  2  the command line is wrong
  3  the agent is not running
  4  the agent refused (no such call, bad target, nobody answered, …)
  5  the ticket is invalid or was refused
  6  the server cannot be reached or is none
  7  the configuration is invalid
  8  a sound device cannot be used
  9  an agent runs already on this state folder
  10 what was waited for did not come in time

Environment:
  CARILLON_STATE  the state folder
  CARILLON_SOCKET the socket of the agent to ask; without an agent of one's own it is the machine's service
  CARILLON_VAULT  'file' or 'keyring': where the desk's keys are kept
  CARILLON_LOG    what is logged: 'info', 'carillon_agent=debug', …";

pub(super) const RUN: &str = "Examples:
  carillon run
  carillon run --config ./agent.yaml --state ./state
  carillon run --if-needed          at log-on, whoever else started it";

pub(super) const ACCOUNTS: &str = "Examples:
  carillon accounts
  carillon accounts use office      call on this one from now on
  carillon accounts use 2           the second in the list
  carillon accounts restart office";

pub(super) const DIAL: &str = "Examples:
  carillon dial 1002
  carillon dial '+49 (0)89 12-34'   the (0) is for callers within the country and is left out
  carillon dial 192.0.2.7           straight to a phone, without a registrar
  carillon dial status              somebody of that name; 'carillon status' is the verb
  carillon dial 1002 --wait --json && echo answered
A person's own call is placed at once. A link from a web page goes through 'carillon link', which asks.";

pub(super) const HANGUP: &str = "Examples:
  carillon hangup                   all, as --all
  carillon hangup 3 --wait
  carillon hangup --incoming        decline what rings here
  carillon hangup --calling         give up what rings elsewhere";

pub(super) const TRANSFER: &str = "Examples:
  carillon transfer 1003            blind
  carillon transfer 1003 --wait     until 1003 answered, or did not
  carillon transfer --call 1 --attended 2";

pub(super) const CONFERENCE: &str = "Examples:
  carillon conference               all calls that stand
  carillon conference 1 3
  carillon conference --end";

pub(super) const DTMF: &str = "Examples:
  carillon dtmf '1#'
  pass show pin | carillon dtmf -   a PIN, which no process list shows";

pub(super) const VOLUME: &str = "Examples:
  carillon volume
  carillon volume --output 80
  carillon volume --input +10";

pub(super) const RECORD: &str = "Examples:
  carillon record
  carillon record --call 2 --path interview.wav
  carillon record off";

pub(super) const FORWARD: &str = "Examples:
  carillon forward always 1003
  carillon forward no-answer +491234567 --account office
  carillon forward busy off";

pub(super) const DEVICES: &str = "Examples:
  carillon devices
  carillon devices --input 'USB Headset' --output 'USB Headset' --ring default";

pub(super) const WATCH: &str = "Examples:
  carillon watch
  carillon watch --json | jq 'select(.event == \"call_ended\")'
  carillon watch --until call-ended --timeout 60
Events: account-changed, call-changed, call-ended, call-turned-away, transfer-ended, text-received,
messages-waiting, lamp-changed, dtmf-received, link-asked, link-settled, config-applied, shutting-down, …
Exit codes: 0 when it came, or after Ctrl-C; 10 when it did not in time; 3 when the agent left first.";

pub(super) const LINK: &str = "Examples:
  carillon link tel:+49891234       what the system runs for a click; prints how to allow it
  carillon link --list
  carillon link --allow 1
Schemes and whether a link dials at once are set in the configuration, section 'links'.";

pub(super) const IMPORT: &str = "Examples:
  carillon import microsip.ini --password-file passwords.csv
  carillon import --fleet settings/ --output fleet.yaml
What is not carried over is named with the reason. docs/microsip.md lists every key.";

pub(super) const CONTACTS: &str = "Examples:
  carillon contacts berta
  carillon contacts add 'Berta Beispiel' '+49 89 1234567'
  carillon contacts phonebooks
  carillon contacts directories";

pub(super) const HISTORY: &str = "Examples:
  carillon history --missed
  carillon history '+49 89' --kind call --json
  carillon history export --format csv > history.csv
  carillon history forget --all";
