
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'bayeux' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'bayeux'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'bayeux' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show everything at once against an embedded server, in a few seconds')
            [CompletionResult]::new('handshake', 'handshake', [CompletionResultType]::ParameterValue, 'Handshake, show the reply and what was negotiated, disconnect')
            [CompletionResult]::new('hs', 'hs', [CompletionResultType]::ParameterValue, 'Handshake, show the reply and what was negotiated, disconnect')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page, or write all pages into a folder')
            [CompletionResult]::new('publish', 'publish', [CompletionResultType]::ParameterValue, 'Publish messages and wait for each acknowledgement')
            [CompletionResult]::new('pub', 'pub', [CompletionResultType]::ParameterValue, 'Publish messages and wait for each acknowledgement')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run a Bayeux server for development and tests')
            [CompletionResult]::new('subscribe', 'subscribe', [CompletionResultType]::ParameterValue, 'Tail channels')
            [CompletionResult]::new('sub', 'sub', [CompletionResultType]::ParameterValue, 'Tail channels')
            break
        }
        'bayeux;completions' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;demo' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;handshake' {
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter the reply with a jq expression')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if the handshake takes longer than this')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('--curl', '--curl', [CompletionResultType]::ParameterName, 'Print the equivalent curl command instead')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;hs' {
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter the reply with a jq expression')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if the handshake takes longer than this')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('--curl', '--curl', [CompletionResultType]::ParameterName, 'Print the equivalent curl command instead')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;man' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;publish' {
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'The most messages a second')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Publish the same DATA this many times')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Subscribe to this channel first and wait until the message comes back; with --jq, until as many messages pass')
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter with a jq expression: what comes back with --expect, else the acknowledgements')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if it takes longer than this; no limit with --lines')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Publish each line of standard input, one JSON value a line')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Publish each line of standard input, one JSON value a line')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'DATA is plain text, to be sent as a JSON string')
            [CompletionResult]::new('--no-handshake', '--no-handshake', [CompletionResultType]::ParameterName, 'Publish without a session, in one request; Faye allows it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;pub' {
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'The most messages a second')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Publish the same DATA this many times')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Subscribe to this channel first and wait until the message comes back; with --jq, until as many messages pass')
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter with a jq expression: what comes back with --expect, else the acknowledgements')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if it takes longer than this; no limit with --lines')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Publish each line of standard input, one JSON value a line')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Publish each line of standard input, one JSON value a line')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'DATA is plain text, to be sent as a JSON string')
            [CompletionResult]::new('--no-handshake', '--no-handshake', [CompletionResultType]::ParameterName, 'Publish without a session, in one request; Faye allows it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;serve' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'The address to listen on; port 0 takes a free one')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'The path of the endpoint')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long a connect is held')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How long clients are advised to wait between two connects')
            [CompletionResult]::new('--max-interval', '--max-interval', [CompletionResultType]::ParameterName, 'How long a session lives without a connect')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Refuse to subscribe and to publish here; may be repeated')
            [CompletionResult]::new('--require-token', '--require-token', [CompletionResultType]::ParameterName, 'Refuse handshakes without this bearer token (or `ext.token`)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;subscribe' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End in success after this many messages, counted after --jq')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End in success after this many messages, counted after --jq')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End in success after this time, counted from the confirmed subscription')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End in success once no message has come for this long')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if the goal is not reached within this time')
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter, project or assert with a jq expression; it sees the whole message. A message for which it gives nothing is dropped')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when the session is lost instead of renewing it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'bayeux;sub' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End in success after this many messages, counted after --jq')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End in success after this many messages, counted after --jq')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End in success after this time, counted from the confirmed subscription')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End in success once no message has come for this long')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail if the goal is not reached within this time')
            [CompletionResult]::new('--jq', '--jq', [CompletionResultType]::ParameterName, 'Filter, project or assert with a jq expression; it sees the whole message. A message for which it gives nothing is dropped')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header to every request: ''Name: value'', or @FILE with one header a line, which keeps secrets out of the process list')
            [CompletionResult]::new('--ext', '--ext', [CompletionResultType]::ParameterName, 'Send this `ext` with a KIND of message: handshake (default), connect, subscribe or publish. JSON is an object, or @FILE with one')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Keep trying the first handshake for this long while the server cannot be reached')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long a TCP connection may take')
            [CompletionResult]::new('--network-timeout', '--network-timeout', [CompletionResultType]::ParameterName, 'How late a response may be, beyond the time that the server said it holds a connect')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'The largest response to read')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record every message both ways, one JSON line each')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How messages look [default: pretty on a terminal, json in a pipe]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours. NO_COLOR, CLICOLOR_FORCE and TERM=dumb count too')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when the session is lost instead of renewing it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the Bayeux traffic both ways; -vv adds HTTP lines, headers, cookies and timings')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell errors only')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Do not redact credentials and client ids')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
