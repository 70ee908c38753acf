import ArgumentParser
import Foundation
import Testing

@testable import chanceryd

/// Settings from text alone: no process, no file.
func load(_ yaml: String? = nil, environment: [String: String] = [:], flags: [(String, [String])] = []) -> LoadedSettings {
    var sources = SettingsSources()
    sources.file = yaml.map { ("chancery.yaml", $0) }
    sources.environment = environment
    sources.flags = flags.map { (name: $0.0, flag: "--\($0.0)", values: $0.1) }
    sources.dataFolder = "/data"
    sources.workingFolder = "/home"
    return LoadedSettings(sources)
}

struct SettingsTests {
    @Test func `an empty file means the defaults`() {
        for text in [nil, "", "# nothing\n", "---\n", "~\n"] {
            let loaded = load(text)
            #expect(loaded.faults == [])
            #expect(loaded.settings == Settings())
        }
    }

    @Test func `flags win over the environment, the environment over the file, the file over the default`() {
        let file = "http01-port: 81\ntls-alpn01-port: 444\nmax-names: 7\n"
        let loaded = load(
            file, environment: ["CHANCERY_HTTP01_PORT": "82", "CHANCERY_TLS_ALPN01_PORT": "445"], flags: [("http01-port", ["83"])]
        )
        #expect(loaded.faults == [])
        #expect(loaded.settings.http01Port == 83)
        #expect(loaded.origin("http01-port") == .flag("--http01-port"))
        #expect(loaded.settings.tlsALPN01Port == 445)
        #expect(loaded.origin("tls-alpn01-port") == .environment("CHANCERY_TLS_ALPN01_PORT"))
        #expect(loaded.settings.maximumNames == 7)
        #expect(loaded.origin("max-names") == .file("chancery.yaml", line: 3))
        #expect(loaded.settings.drain == 30)
        #expect(loaded.origin("drain") == .byDefault)
    }

    @Test func `settings for proxies are read from all sources, off and on as words`() {
        let loaded = load(
            "trusted-proxies: [127.0.0.1, fd00::/8]\nforwarded-header: x-forwarded\nproxy-protocol: off\nexternal-url: https://ca.example\n",
            environment: ["CHANCERY_PROXY_PROTOCOL": "on"], flags: [("plain-listen", ["127.0.0.1:8081"])])
        #expect(loaded.faults == [])
        #expect(loaded.settings.trustedProxies == ["127.0.0.1", "fd00::/8"])
        #expect(loaded.settings.forwardedHeader == .xForwarded)
        #expect(loaded.settings.proxyProtocol == .on)
        #expect(loaded.settings.plainListen == Endpoint(host: "127.0.0.1", port: 8081))
    }

    @Test func `a list replaces the list of a lower source`() {
        let file = "resolver:\n  - 192.0.2.1\n  - 192.0.2.2\nallow-address: 10.0.0.0/8\n"
        let loaded = load(file, environment: ["CHANCERY_RESOLVER": "192.0.2.3, [::1]:5353"])
        #expect(loaded.faults == [])
        #expect(loaded.settings.resolvers == ["192.0.2.3", "[::1]:5353"])
        #expect(loaded.settings.allowedAddresses == ["10.0.0.0/8"])
        #expect(load(file, flags: [("resolver", ["192.0.2.9"])]).settings.resolvers == ["192.0.2.9"])
    }

    @Test func `relative paths begin at the data folder in the file and at the working folder elsewhere`() {
        let loaded = load("tls-certificate: tls/chain.pem\n", flags: [("tls-key", ["key.pem"])])
        #expect(loaded.settings.tlsCertificate == "/data/tls/chain.pem")
        #expect(loaded.settings.tlsKey == "/home/key.pem")
        #expect(load("passphrase-file: /run/p\n").settings.passphraseFile == "/run/p")
    }

    @Test func `an empty variable counts as unset`() {
        #expect(load(environment: ["CHANCERY_LISTEN": ""]).settings.listen == Settings().listen)
    }

    /// Text of the file; what the single fault must say, its line first.
    @Test(arguments: [
        ("lisen: 127.0.0.1:1", "chancery.yaml:1: lisen: unknown key; did you mean listen?"),
        ("\nhtpp-listen: a", "chancery.yaml:2: htpp-listen: unknown key; did you mean http-listen?"),
        ("max_names: 3", "max_names: unknown key; did you mean max-names?"),
        ("Listen: 127.0.0.1:1", "did you mean listen?"),
        ("colour: blue", "chancery.yaml:1: colour: unknown key; remove it"),
        ("7: blue", "7: unknown key"),
        ("listen: 8443", "listen: \"8443\" is not allowed; write HOST:PORT"),
        ("listen: 127.0.0.1:65536", "port from 0 to 65535"),
        ("listen: 127.0.0.1:-1", "port from 0 to 65535"),
        ("listen: \"127.0.0.1:\"", "port from 0 to 65535"),
        ("listen: ::1:8443", "stands in brackets"),
        ("listen: 300.0.0.1:8443", "write HOST:PORT"),
        ("listen: [a, b]", "takes one value, not a list"),
        ("listen: {host: a}", "has settings below it"),
        ("listen:", "has no value"),
        ("listen: ~", "has no value"),
        ("trusted-proxies: everyone", "with the bits behind the length zero"),
        ("trusted-proxies: 10.0.0.1/8", "with the bits behind the length zero"),
        ("trusted-proxies: 0.0.0.0/0", "a network that is not everybody"),
        ("trusted-proxies: \"::/0\"", "a network that is not everybody"),
        ("forwarded-header: x-real-ip", "write one of off, forwarded, x-forwarded"),
        ("forwarded-header: forwarded", "chancery.yaml:1: forwarded-header without trusted-proxies"),
        ("proxy-protocol: on", "proxy-protocol without trusted-proxies"),
        ("external-url: https://a\nplain-listen: 127.0.0.1:8081", "chancery.yaml:2: plain-listen without trusted-proxies"),
        ("trusted-proxies: 127.0.0.1\nplain-listen: 127.0.0.1:8081", "plain-listen without external-url"),
        (
            "trusted-proxies: 127.0.0.1\nexternal-url: https://a\nplain-listen: 127.0.0.1:8443",
            "listen (*:8443) and plain-listen (127.0.0.1:8443) want the same port"
        ),
        ("max-connections: 15", "a number from 16"),
        ("http01-port: 0", "a number from 1 to 65535"),
        ("http01-port: 65536", "a number from 1 to 65535"),
        ("http01-port: eighty", "a number from 1 to 65535"),
        ("http01-port: 0x50", "a number from 1 to 65535"),
        ("http01-port: 99999999999999999999", "a number from 1 to 65535"),
        ("max-names: 0", "a number from 1 to 1000"),
        ("certificate-lifetime: 45", "a duration from 5m to 10y"),
        ("certificate-lifetime: 4m", "a duration from 5m to 10y"),
        ("certificate-lifetime: 11y", "a duration from 5m to 10y"),
        ("certificate-lifetime: 999999999999y", "a duration from 5m to 10y"),
        ("backdate: -1s", "a duration from 0s to 1d"),
        ("allow-address: [10.0.0.0/33]", "prefix is 0 to 32 bits"),
        ("allow-address: [10.1.2.3/12]", "10.0.0.0/12 for that network, or 10.1.2.3/32"),
        ("allow-address: [\"fd00::1/8\"]", "fd00::/8 for that network, or fd00::1/128"),
        ("allow-address: [fd00::/129]", "prefix is 0 to 128 bits"),
        ("allow-address: [10.0.0.0/8/8]", "an address or network"),
        ("allow-address: [010.0.0.1]", "an address or network"),
        ("allow-address: [example.org]", "an address or network"),
        ("allow-address: [~]", "no plain value"),
        ("resolver: [ns.example.org]", "a resolver's address"),
        ("resolver: [\"127.0.0.1:0\"]", "not a name"),
        ("external-url: http://ca.example.org", "https://HOST"),
        ("external-url: ca.example.org", "https://HOST"),
        ("external-url: https://ca.example.org/acme", "without a path"),
        ("external-url: https://user:pw@ca.example.org", "https://HOST"),
        ("external-url: https://ca.example.org:0", "https://HOST"),
        ("external-url: https://ca.example.org:70000", "https://HOST"),
        ("external-url: https://ca_1.example.org", "https://HOST"),
        ("external-url: \"https://ca.example.org?x\"", "https://HOST"),
        ("http-external-url: https://ca.example.org", "http://HOST"),
        ("terms-of-service: terms.html", "a whole URL"),
        ("names: [\"a b\"]", "a host name or an IP address"),
        ("caa-identities: [192.0.2.1]", "a domain name"),
        ("log-format: xml", "one of text, json"),
        ("log-level: loud", "one of trace, debug"),
        ("authority-name: \"a\\nb\"", "without control characters"),
        ("authority-name: \"\"", "1 to 40 characters"),
        ("passphrase-env: \"A=B\"", "a name of letters"),
        ("intermediate-passphrase: hunter2", "a secret may not stand here; remove it and set CHANCERY_INTERMEDIATE_PASSPHRASE"),
        ("tls-certificate: a.pem", "tls-certificate without tls-key; set both"),
        ("tls-key: a.pem", "tls-key without tls-certificate; set both"),
        ("http-listen: 127.0.0.1:8443", "want the same port"),
        ("metrics-listen: \"*:8080\"", "http-listen (*:8080) and metrics-listen (*:8080) want the same port"),
        ("backdate: 10m\ncertificate-lifetime: 5m", "is not shorter than certificate-lifetime"),
        ("passphrase-env: A\npassphrase-file: b", "are both set; keep one"),
        ("drain: 1m\ndrain: 2m", "drain: written twice"),
        ("- listen", "this is no list of settings"),
        ("listen", "this is no list of settings"),
        ("listen: [", "this is no YAML"),
        ("a: b: c", "chancery.yaml:1: this is no YAML"),
        ("\tlisten: a", "this is no YAML"),
    ])
    func `a fault names its place, the value and the remedy`(text: String, says: String) {
        let faults = load(text).faults
        #expect(faults.count == 1, "\(faults)")
        #expect(faults.first?.description.contains(says) == true, "\(faults)")
        #expect(faults.first?.description.contains("\n") == false)
        #expect(faults.first?.description.hasPrefix("chancery.yaml:") == true)
        #expect(faults.first?.description.contains("hunter2") == false)
    }

    @Test func `all faults are told at once`() {
        let loaded = load(
            "lisen: a\nmax-names: 0\n", environment: ["CHANCERY_DRAIN": "soon", "CHANCERY_LISTN": "x"],
            flags: [("http01-port", ["x"]), ("reslover", ["y"])])
        #expect(
            loaded.faults.map(\.place) == [
                "chancery.yaml:1", "chancery.yaml:2", "CHANCERY_DRAIN", "CHANCERY_LISTN", "--http01-port", "--reslover",
            ])
    }

    @Test func `variables of a container platform and of the client are let be`() {
        let variables = [
            "CHANCERY_PORT": "tcp://10.0.0.1:80", "CHANCERY_SERVICE_HOST": "10.0.0.1", "CHANCERY_EAB_HMAC_KEY": "x",
            "CHANCERY_DATA": "/x",
        ]
        #expect(load(environment: variables).faults == [])
    }

    @Test func `a secret is read from the environment and printed nowhere`() throws {
        let loaded = load(environment: ["CHANCERY_INTERMEDIATE_PASSPHRASE": "correct horse"])
        #expect(loaded.settings.intermediatePassphrase == "correct horse")
        #expect(!loaded.table.text.contains("horse"))
        #expect(!loaded.json.text.contains("horse"))
        #expect(loaded.table.text.contains("(set, not shown)"))
        let bad = load(environment: ["CHANCERY_INTERMEDIATE_PASSPHRASE": "correct\u{7}horse"])
        #expect(bad.faults.count == 1)
        #expect(bad.faults.first?.description.contains("horse") == false)
    }

    @Test(arguments: [
        ("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), ("45d", 3_888_000), ("20y", 630_720_000),
    ])
    func `durations are written in one way`(text: String, value: Int) throws {
        let form = Form<Int>.duration(0...1_000_000_000)
        #expect(try form.read(text) == value)
        #expect(try form.read(form.show(value)) == value)
    }

    @Test(arguments: ["127.0.0.1:0", "[::1]:8443", "*:443", "localhost:65535", "ca.example.org:8443"])
    func `an endpoint is written as it is read`(text: String) throws {
        #expect(try Endpoint(text).description == text)
    }

    @Test func `an external URL is folded to one spelling`() {
        #expect(load("external-url: HTTPS://CA.Example.org:8443/").settings.externalURL == "https://ca.example.org:8443")
        #expect(load("external-url: https://[::1]:8443").settings.externalURL == "https://[::1]:8443")
    }

    @Test func `edit distance counts a swap as one`() {
        #expect(editDistance("lisetn", "listen") == 1)
        #expect(editDistance("", "abc") == 3)
        #expect(editDistance("abc", "abc") == 0)
        #expect(nearest(to: String(repeating: "a", count: 10_000), among: ["a"]) == nil)
    }
}

struct ReferenceTests {
    static let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .appending(path: "docs")

    @Test func `docs/configuration.md is what the program prints`() throws {
        let page = try String(contentsOf: Self.docs.appending(path: "configuration.md"), encoding: .utf8)
        #expect(page == settingsReference(), "run: chanceryd config reference > docs/configuration.md")
    }

    @Test func `docs/exit-codes.md has every code of chanceryd`() throws {
        let page = try String(contentsOf: Self.docs.appending(path: "exit-codes.md"), encoding: .utf8)
        #expect(page.contains(exitCodeTable()))
        #expect(Set(ProcessStatus.allCases.map(\.meaning)).count == ProcessStatus.allCases.count)
    }

    @Test func `the commented file is valid as written and with every line uncommented`() {
        #expect(load(settingsTemplate()).faults == [])
        #expect(load(settingsTemplate()).settings == Settings())
        let lines = settingsTemplate().split(separator: "\n").map { line in
            Setting.all.contains { line.hasPrefix("#\($0.name): ") } ? line.dropFirst() : line
        }
        let loaded = load(lines.joined(separator: "\n"))
        #expect(loaded.faults.map(\.message) == ["passphrase-file and passphrase-env and passphrase-credential are both set"])
        #expect(loaded.origins.count == Setting.all.count { $0.place == .anywhere })
    }

    @Test func `chosen values survive the way through the file`() {
        let odd = "O'Brien \"& Söhne\": #1 \\ [x]"
        let loaded = load(
            settingsTemplate(chosen: ["authority-name": [odd], "names": ["ca.example.org", "::1"], "organisation": ["yes"]]))
        #expect(loaded.faults == [])
        #expect(loaded.settings.authorityName == odd)
        #expect(loaded.settings.names == ["ca.example.org", "::1"])
        #expect(loaded.settings.organisation == "yes")
    }

    @Test func `every key has words, and its flag is one that the commands take`() throws {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        for setting in Setting.all {
            #expect(setting.doc.hasSuffix("."), "\(setting.name)")
            #expect(!setting.byDefault.isEmpty)
            let value = setting.show(load(flags: [(setting.name, [setting.example])]).settings).first ?? setting.example
            guard setting.place == .anywhere else { continue }
            let arguments = setting.hasFlag ? ["--\(setting.name)", value] : ["--set", "\(setting.name)=\(value)"]
            let given =
                setting.name == "database"
                ? try DataOptions.parse(arguments).flags : try SettingFlags.parse(arguments).given
            #expect(given.map(\.name) == [setting.name])
            #expect(given.first?.values == [value])
        }
    }

    @Test func `the flags that the issue names exist under exactly these names`() throws {
        let flags = [
            "listen", "http-listen", "external-url", "http01-port", "tls-alpn01-port", "resolver", "allow-address",
            "tls-certificate",
            "tls-key", "log-format",
        ]
        for flag in flags { #expect(Setting.named(flag)?.hasFlag == true, "\(flag)") }
        #expect(
            try SettingFlags.parse(["--allow-address", "127.0.0.1/32", "--allow-address", "::1/128"]).given.first?.values.count
                == 2)
    }
}
