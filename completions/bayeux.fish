# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_bayeux_global_optspecs
    string join \n o/output= color= v/verbose q/quiet show-secrets h/help V/version
end

function __fish_bayeux_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_bayeux_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_bayeux_using_subcommand
    set -l cmd (__fish_bayeux_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c bayeux -n "__fish_bayeux_needs_command" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_needs_command" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_needs_command" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_needs_command" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_needs_command" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_needs_command" -s V -l version -d 'Print version'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "bench" -d 'Load a server, and tell what becomes of every message'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "call" -d 'Publish a message and print the data of the answer'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "check" -d 'Check whether a server keeps the protocol, and say why Bayeux does not work here'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "demo" -d 'Show everything at once against an embedded server, in about a second'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "handshake" -d 'Handshake, show the reply and what was negotiated, disconnect'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "hs" -d 'Handshake, show the reply and what was negotiated, disconnect'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "man" -d 'Print the manual page, or write all pages into a folder'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "proxy" -d 'Sit between clients and a server and show what passes'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "publish" -d 'Publish messages and wait for each acknowledgement'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "pub" -d 'Publish messages and wait for each acknowledgement'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "report" -d 'Tell a recording again, or render, merge or compare the results of load tests'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "serve" -d 'Run a Bayeux server for development and tests'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "subscribe" -d 'Tail channels'
complete -c bayeux -n "__fish_bayeux_needs_command" -f -a "sub" -d 'Tail channels'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s c -l clients -d 'Sessions that subscribe' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l publishers -d 'Sessions that publish, beside the clients' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l channels -d 'Channels to publish to: CHANNEL/0, CHANNEL/1, ... where there are several' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l per-client -d 'Channels that each client subscribes to' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s r -l rate -d 'Messages a second by all publishers together, on a schedule that does not wait for the server; max: each publisher goes on as fast as the server acknowledges, with one request unanswered over long polling and 256 messages over websocket' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s d -l duration -d 'How long to publish, warm-up not counted' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s n -l count -d 'Publish this many messages instead, those of the warm-up not counted' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l warmup -d 'How long to publish before anything counts' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l drain -d 'How long to wait for missing deliveries at the end' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s s -l size -d 'Bytes of the data of a message, at least 48: it begins with what the accounting needs' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l payload -d 'Send this JSON, or that in a file, @FILE, with each message instead' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l batch -d 'Messages that a publisher sends in one request; one that is behind its schedule sends all that is due, up to 256 KiB, or 32 KiB over a websocket' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l ramp -d 'Handshakes a second at the start' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l churn -d 'Clients a second that disconnect and come back' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l engine -d 'Who drives the sessions: loop, a few threads with thousands of sessions each, or threads, one for each session, as the other commands have them' -r -f -a "loop\t'Poll loops'
threads\t'A thread for each session'"
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l threads -d 'Threads of the loop engine [default: as many as the load needs, at most one a core]' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l source -d 'Connect from this local address, which has ports of its own; several take turns' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l seed -d 'What randomness begins with [default: random; the report shows it]' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l locust -d 'Be a worker of this Locust master, of whose users each is a client: it says how many, which server and what else its page asks for, until it quits. Nothing is encrypted there, and nobody asks for a password: credentials are the worker\'s own [default port: 5557]' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l max -d 'Expect a value of the summary to be at the most this: p99=25ms, lost=0, cpu_percent=80. Exit status 7 if it is not, or if there are too few samples. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l min -d 'Expect a value of the summary to be at the least this: delivery_rate=10k. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l report -d 'Write the results to this file, in the form of its ending: .json, .csv, .html, .hgrm, .hlog, or .xml (JUnit). May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l record -d 'Record what one of the sessions says and hears, that of the first client, one JSON line for each message' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s t -l transport -d 'How messages travel: long-polling or websocket [default: websocket for URLs of ws and wss, long-polling for others]' -r -f -a "long-polling\t'Two connections a session'
websocket\t'One connection a session'"
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l yes -d 'Begin at once, also where the server is not on this machine; otherwise there are 3 s to think better of it'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l print-locustfile -d 'Print the file that Locust\'s master needs, `locust -f FILE --master`, and exit'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l reply -d 'The channel or pattern of the answer, if it is not that of the message' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s n -l count -d 'Wait for this many answers, counted after --jq' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l jq -d 'Filter with a jq expression; it sees the whole answer. One for which it gives nothing does not count' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l timeout -d 'Fail if the answers have not come within this time' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l text -d 'DATA is plain text, to be sent as a JSON string'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand call" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l only -d 'Run only the checks with such names, e.g. `hs.*`. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l skip -d 'Run no check with such a name. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l as -d 'Hold the server against what is known of this one, whatever it looks like: bayeux, cometd, cometd-nodejs, faye or salesforce, with @VERSION if that is known; `none` for nothing' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l channel -d 'The channel below which the checks have theirs' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l report -d 'Write the outcomes to this file, in the form of its ending: .xml (JUnit), .json or .tap. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l timeout -d 'End after this long, with what was found so far' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s t -l transport -d 'Over which transport the sessions of the checks run: long-polling, websocket or callback-polling [default: websocket for URLs of ws and wss, long-polling for others]' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l list -d 'List the checks instead of running them'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l intrusive -d 'Run those checks too that send malformed input, let sessions expire or look for limits'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l strict -d 'Let known deviations and warnings fail the run too'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l jq -d 'Filter the reply with a jq expression' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l timeout -d 'Fail if the handshake takes longer than this' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l curl -d 'Print the equivalent curl command instead'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand handshake" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l jq -d 'Filter the reply with a jq expression' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l timeout -d 'Fail if the handshake takes longer than this' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l curl -d 'Print the equivalent curl command instead'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand hs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l listen -d 'The address to listen on; port 0 takes a free one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l inspector -d 'Show sessions, channels and traffic in a page at this address, which switches faults too; port 0 takes a free one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l fault -d 'What goes wrong on purpose on the way, WHERE:WHAT[:KEY=VALUE], as for bayeux serve, e.g. connect:drop:every=5 or any:delay=200ms:p=0.1; may be repeated. What only the server itself can do is refused: expire=DUR, forget=N, hold, cookie, and what is of Salesforce' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l seed -d 'What the chances of faults (p=0.1) are drawn from, as a run that is to be repeated told it' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l connect-timeout -d 'How long a TCP connection to the server may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l max-body -d 'The longest body or frame to look at; a longer one passes all the same' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l tls-cert -d 'Speak TLS, with the certificate in this PEM file and those after it that lead to its authority' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l tls-key -d 'The private key of --tls-cert, a PEM file [default: the file of --tls-cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l tls-self-signed -d 'Speak TLS, with a certificate that is made now for 30 days; its fingerprint is told. The certificate of its authority, for the --cacert of clients, is written to FILE' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l rate -d 'The most messages a second' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l repeat -d 'Publish the same DATA this many times' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l expect -d 'Subscribe to this channel first and wait until the message comes back; with --jq, until as many messages pass' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l jq -d 'Filter with a jq expression: what comes back with --expect, else the acknowledgements' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l timeout -d 'Fail if it takes longer than this [default: 30s, none with --lines]' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s l -l lines -d 'Publish each line of standard input, one JSON value a line'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l text -d 'DATA is plain text, to be sent as a JSON string'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l no-handshake -d 'Publish without a session, in one request; Faye allows it'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l rate -d 'The most messages a second' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l repeat -d 'Publish the same DATA this many times' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l expect -d 'Subscribe to this channel first and wait until the message comes back; with --jq, until as many messages pass' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l jq -d 'Filter with a jq expression: what comes back with --expect, else the acknowledgements' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l timeout -d 'Fail if it takes longer than this [default: 30s, none with --lines]' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s l -l lines -d 'Publish each line of standard input, one JSON value a line'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l text -d 'DATA is plain text, to be sent as a JSON string'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l no-handshake -d 'Publish without a session, in one request; Faye allows it'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand pub" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l jq -d 'Print what a jq expression makes of each message of a recording, in place of the conversation; it sees the whole message' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l report -d 'Write the report to this file, in the form of its ending: .html, for recordings also .svg (a sequence diagram), for results .json, .csv, .hgrm, .hlog or .xml (JUnit). May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l max -d 'Expect a value of the summary to be at the most this: p99=25ms, lost=0, cpu_percent=80. Exit status 7 if it is not, or if there are too few samples. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l min -d 'Expect a value of the summary to be at the least this: delivery_rate=10k. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l compare -d 'Print the values of two files beside each other, and the second by the first'
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l listen -d 'The address to listen on; port 0 takes a free one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l flavor -d 'The server to pass for, field for field: cometd (9.0.0), faye (1.4.3), or salesforce (its Streaming API: versions in the path, replay ids, cookies and wordings). Without it the server speaks as CometD does, and serves clients that keep no cookies too' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l path -d 'The path of the endpoint; /cometd if left out, /faye for faye' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l timeout -d 'How long a connect is held; 30s if left out, 60s for faye, 110s for salesforce' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l interval -d 'How long clients are advised to wait between two connects' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-interval -d 'How long a session lives without a connect; 10s if left out, 40s for salesforce, twice as long as a connect is held for faye' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l deny -d 'Refuse to subscribe and to publish here; may be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l allow-origin -d 'Let pages of this origin use the server, beside those on loopback; `*` for all, without credentials. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l require-token -d 'Refuse handshakes without this bearer token (or `ext.token`); salesforce refuses every request without it' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l retain -d 'Keep the last messages of all channels together, for subscribes with `ext.replay`' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l retain-age -d 'Forget what is older; without it the number alone counts' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-inactivity -d 'End sessions whose clients send nothing but connects for so long, as CometD\'s activity extension does' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-per-browser -d 'Hold connects for so many sessions of one browser, told by its cookie, and advise the others to poll (`multiple-clients`). CometD says 1' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-queue -d 'Most messages (10k) or bytes of them (8MiB) that wait for one session, which ends when there are more; 100k,16MiB if left out. May be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l request-timeout -d 'How long a request, or message of a websocket, may take to arrive, 30s if left out; a slower one gets HTTP 408, or close code 1008' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-body -d 'Longest body of a request, and message of a websocket, 16MiB if left out; a longer one gets HTTP 413, or close code 1009' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-sessions -d 'Most sessions at a time, 100000 if left out; further handshakes are refused with 503 and told to come again' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l max-connections -d 'Most connections at a time, 100000 if left out or what the system\'s limit of descriptors allows; further ones are closed' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l fault -d 'What goes wrong on purpose, WHERE:WHAT[:KEY=VALUE], e.g. connect:drop:every=5 or any:delay=200ms:p=0.1; may be repeated, and docs/faults.md lists them all. WHERE is handshake, connect, subscribe, unsubscribe, disconnect, publish, any, delivery or upgrade. WHAT is expire, refuse=CODE, status=CODE, html, delay=DUR, drop, cut, drip=DUR, close=before|after, wrong-id, infinity, advice=retry|handshake|none, storm, hold, cookie, duplicate or reorder. KEY is every, first, after, for or p. Without WHERE: expire=DUR ends every session after that time, forget=N makes it forget the next N sessions at once after that; for salesforce also token-expires=DUR, busy=N and daily-limit=N' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l seed -d 'What the chances of faults (p=0.1) are drawn from, as a run that is to be repeated told it' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l replay -d 'Answer from a recording that a client made with --record, with the ids of today; what is not in it is answered as otherwise' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l generate -d 'Publish numbered messages, {"n":1,"due_ms":0} and so on, so many a second; may be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l publish-on-subscribe -d 'Give this to each client that subscribes to the channel, or to a pattern that matches it; may be repeated' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l tls-cert -d 'Speak TLS, with the certificate in this PEM file and those after it that lead to its authority' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l tls-key -d 'The private key of --tls-cert, a PEM file [default: the file of --tls-cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l tls-self-signed -d 'Speak TLS, with a certificate that is made now for 30 days; its fingerprint is told. The certificate of its authority, for the --cacert of clients, is written to FILE' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l exit-with-stdin -d 'End with standard input, for a program that starts the server and may die'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l trust-client-id -d 'Serve whoever shows a session\'s client id. Without it --flavor cometd also wants its cookie BAYEUX_BROWSER with every request, as CometD does: a client that drops cookies gets 402::session_unknown'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l strict -d 'Refuse channels that the grammar of Bayeux 1.0 does not know, with dots or spaces for instance'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s n -l count -d 'End in success after this many messages, counted after --jq' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l duration -d 'End in success after this time, counted from the confirmed subscription' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l idle -d 'End in success once no message has come for this long' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l timeout -d 'Fail if the goal is not reached within this time' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l jq -d 'Filter, project or assert with a jq expression; it sees the whole message. A message for which it gives nothing is dropped' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l replay -d 'Start with older events: new (none), all that the server has kept, or those behind the event with this replay ID; for every channel, or for one (Salesforce\'s replay extension)' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l cursor -d 'Remember in FILE the last event of each channel that was written, and go on behind it. Where it knows none, --replay counts. FILE.lock beside it keeps others away' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l replay-fallback -d 'Where to start if the server no longer has the event to go on from' -r -f -a "new\t'With new events'
all\t'With all that the server has kept'
fail\t'Nowhere: exit status 5'"
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l no-reconnect -d 'End when the session is lost instead of renewing it'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand subscribe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s n -l count -d 'End in success after this many messages, counted after --jq' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l duration -d 'End in success after this time, counted from the confirmed subscription' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l idle -d 'End in success once no message has come for this long' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l timeout -d 'Fail if the goal is not reached within this time' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l jq -d 'Filter, project or assert with a jq expression; it sees the whole message. A message for which it gives nothing is dropped' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l replay -d 'Start with older events: new (none), all that the server has kept, or those behind the event with this replay ID; for every channel, or for one (Salesforce\'s replay extension)' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l cursor -d 'Remember in FILE the last event of each channel that was written, and go on behind it. Where it knows none, --replay counts. FILE.lock beside it keeps others away' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l replay-fallback -d 'Where to start if the server no longer has the event to go on from' -r -f -a "new\t'With new events'
all\t'With all that the server has kept'
fail\t'Nowhere: exit status 5'"
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s p -l profile -d 'Take what is not given here from this profile of the configuration file, [default] if it has one' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s H -l header -d 'Add a header to every request: \'Name: value\', or @FILE with one header a line, which keeps secrets out of the process list' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s u -l user -d 'Log in with a name and a password (basic authentication); without PASS it is asked for on the terminal' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l token -d 'Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l token-cmd -d 'Send the token that this command prints; it is run again when the server says 401' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l sf -d 'Take URL and token from the `sf` command, which knows this Salesforce org by user name or alias. A URL that is given wins, e.g. one with another version of the API' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l ext -d 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one. A member of it goes before one of the same name that another option adds' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s t -l transport -d 'How messages travel: long-polling, websocket or callback-polling. The URL\'s scheme says it otherwise: long-polling for http and https; websocket for ws and wss, or long-polling where the server opens none' -r -f -a "long-polling\t''
websocket\t''
callback-polling\t''"
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s x -l proxy -d 'Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for other hosts than this machine' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l retry -d 'Keep trying the first handshake for this long while the server cannot be reached, as far as --timeout allows' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l record -d 'Record every message both ways, one JSON line each; where FILE ends in .har, and only for clients and proxies, what was on the wire, as an HTTP archive for browsers. A disk that is full ends the recording and nothing else; the exit status is 1 then' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l connect-timeout -d 'How long a TCP connection may take' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l network-timeout -d 'How late a response may be, beyond the time that the server said it holds a connect' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l max-body -d 'The largest response to read' -r
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l cacert -d 'Trust the certificates in this PEM file too: an authority\'s, or the server\'s own' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l cert -d 'The certificate for a server that wants one of its clients, a PEM file' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l key -d 'The private key of --cert, a PEM file [default: the file of --cert]' -r -F
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s o -l output -d 'How messages look [default: pretty on a terminal, json in a pipe]' -r -f -a "pretty\t'For people: an arrow line and indented JSON in colour'
compact\t'One line for each message'
json\t'One JSON record for each message, as in recordings'
data\t'Only the data, one JSON value for each message'"
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l color -d 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it'
always\t'In pipes too'
never\t'Nowhere'"
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l no-reconnect -d 'End when the session is lost instead of renewing it'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l ack -d 'Have the server keep each message until it is known to have arrived (CometD\'s acknowledged messages)'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l timesync -d 'Compare the server\'s clock with this one (CometD\'s timesync)'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s k -l insecure -d 'Accept any certificate of the server: whoever is on the way can read and change everything'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s v -l verbose -d 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s q -l quiet -d 'Tell errors only'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -l show-secrets -d 'Do not redact credentials and client ids'
complete -c bayeux -n "__fish_bayeux_using_subcommand sub" -s h -l help -d 'Print help (see more with \'--help\')'
