import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

/// What an operator's Prometheus sees of a built `chanceryd`, and whether rules, dashboard and page speak of what is there.
@Suite(.serialized) struct MonitoringTests {
    private static let rules = Tools.repository("packaging/prometheus/chancery.rules.yml")

    /// A metric as the exposition declares it.
    private struct Metric: Hashable {
        let name: String
        let kind: String
        let help: String
        /// Names, `le` left out, as the samples bear them.
        var labels: Set<String> = []
    }

    @Test func `Prometheus scrapes the server, finds what was issued, and its rules are quiet`() async throws {
        let metrics = try freePort()
        let authority = try await TestAuthority(names: NameServer(), flags: ["--metrics-listen", "127.0.0.1:\(metrics)"])
        let subscriber = try await Subscriber(authority)
        let web = try await StatelessResponder(port: authority.http01Port, thumbprint: subscriber.account.key.jwk.thumbprint)
        _ = try await subscriber.issue(["www.e2e.test"])
        withExtendedLifetime(web) {}

        let text = try await exposition(metrics)
        let lint = try await Program.run("promtool", ["check", "metrics"], input: text)
        #expect(lint.status == 0, "\(lint)")

        let prometheus = try await Prometheus(scraping: metrics, rules: Self.rules)
        try await eventually("a scrape", limit: 60) { try await prometheus.value("up{job=\"chancery\"}") == 1 }
        // The subscriber's and the server's own.
        #expect(try await prometheus.value("chancery_issuances_total{result=\"issued\"}") == 2)
        #expect(try await prometheus.value("chancery_validations_total{type=\"http-01\",result=\"valid\"}") == 1)
        #expect(try await prometheus.value("chancery_ready") == 1)
        #expect(try await prometheus.value("sum(chancery_http_requests_total{route=\"finalize\",status=\"200\"})") == 1)
        #expect(try #require(try await prometheus.value("chancery_certificate_remaining_seconds{certificate=\"tls\"}")) > 86_400)
        #expect(try await prometheus.value("abs(chancery_clock_seconds - timestamp(chancery_clock_seconds)) < bool 60") == 1)
        #expect(try await prometheus.value("count(ALERTS{alertstate=\"firing\"}) or vector(0)") == 0)
        for expression in try dashboardExpressions() {
            #expect(try await prometheus.understands(expression), "\(expression)")
        }
        #expect(try await authority.stop() == 0)
    }

    @Test func `rules and dashboard name only metrics that exist, and the page lists exactly those`() async throws {
        let authority = try await TestAuthority()
        let text = try await exposition(authority.httpPort)
        let metrics = try declared(text)
        #expect(metrics.count >= 38)
        let names = Set(metrics.map(\.name))
        let rules = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let expressions = try dashboardExpressions()
        #expect(expressions.count > 40)
        for (place, text) in [("rules", rules)] + expressions.map({ ("dashboard", $0) }) {
            for match in text.matches(of: /\b(?:chancery|process)_[a-z_]+/) {
                let name = String(match.output)
                let plain = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) }
                #expect(names.contains(name) || plain.map { names.contains($0) } == true, "\(place): \(name)")
            }
        }
        try compareWithPage(metrics)
    }

    @Test func `promtool takes the rules and their tests`() async throws {
        try await Program.succeed("promtool", ["check", "rules", Self.rules])
        try await Program.succeed(
            "promtool", ["test", "rules", Tools.repository("packaging/prometheus/chancery.tests.yml")])
        // Every alert says what to do, and how much it matters.
        let text = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let alerts = text.matches(of: /- alert: (\w+)/).map { String($0.output.1) }
        #expect(alerts.count > 15)
        let tests = try String(contentsOfFile: Tools.repository("packaging/prometheus/chancery.tests.yml"), encoding: .utf8)
        for alert in alerts { #expect(tests.contains(alert), "\(alert) has no test") }
        for words in ["severity:", "summary:", "description:"] {
            #expect(text.components(separatedBy: words).count - 1 == alerts.count, "\(words)")
        }
    }

    @Test func `the dashboard is one that Grafana can lay out, and promtool parses every expression`() async throws {
        let board = try dashboard()
        #expect(board["title"] as? String == "Chancery")
        #expect((board["schemaVersion"] as? Int ?? 0) >= 38)
        let panels = try #require(board["panels"] as? [[String: Any]])
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        var taken: Set<[Int]> = []
        for panel in panels {
            let place = try #require(panel["gridPos"] as? [String: Int])
            let (x, y, width, height) = (place["x"] ?? -1, place["y"] ?? -1, place["w"] ?? 0, place["h"] ?? 0)
            #expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24)
            for column in x..<x + width {
                for line in y..<y + height {
                    #expect(taken.insert([column, line]).inserted, "\(panel["title"] ?? "") lies on another")
                }
            }
            guard panel["type"] as? String != "row" else { continue }
            #expect((panel["targets"] as? [[String: Any]])?.isEmpty == false, "\(panel["title"] ?? "")")
        }
        let variables = ((board["templating"] as? [String: Any])?["list"] as? [[String: Any]] ?? []).compactMap {
            $0["name"] as? String
        }
        #expect(variables == ["datasource", "job", "instance"])

        let folder = try TemporaryFolder()
        let rules = try dashboardExpressions().enumerated().map { "  - {record: \"x\($0)\", expr: \(try quoted($1))}" }
        let file = try folder.write("rules.yml", "groups:\n- name: x\n  rules:\n" + rules.joined(separator: "\n") + "\n")
        try await Program.succeed("promtool", ["check", "rules", file])
    }

    // MARK: Reading

    private func exposition(_ port: Int) async throws -> String {
        try await Program.succeed("curl", ["-fsS", "http://127.0.0.1:\(port)/metrics"])
    }

    private func declared(_ text: String) throws -> [Metric] {
        var metrics: [Metric] = []
        var help = ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                help = words.count == 4 ? words[3] : ""
            } else if line.hasPrefix("# TYPE ") {
                metrics.append(Metric(name: words[2], kind: words[3], help: help))
            } else if let name = metrics.last?.name {
                #expect(line.hasPrefix(name), "\(line) does not stand below its name")
                let labels = line.matches(of: /[{,]([a-z_]+)="/).map { String($0.output.1) }
                metrics[metrics.count - 1].labels.formUnion(labels.filter { $0 != "le" })
            }
        }
        #expect(Set(metrics.map(\.name)).count == metrics.count, "a metric is declared twice")
        return metrics
    }

    /// docs/monitoring.md has a row for each metric, in this form.
    private func compareWithPage(_ metrics: [Metric]) throws {
        let page = try String(contentsOfFile: Tools.repository("docs/monitoring.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `chancery_") || $0.hasPrefix("| `process_") }
            .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
        #expect(Set(rows.map { $0[0] }) == Set(metrics.map { "`\($0.name)`" }))
        for metric in metrics {
            let labels = metric.labels.sorted().map { "`\($0)`" }.joined(separator: ", ")
            let row = rows.first { $0[0] == "`\(metric.name)`" } ?? []
            #expect(row.count == 4, "| `\(metric.name)` | \(metric.kind) | \(labels) | \(metric.help) |")
            guard row.count == 4 else { continue }
            #expect(
                row[1] == metric.kind && row[3] == metric.help,
                "| `\(metric.name)` | \(metric.kind) | \(labels) | \(metric.help) |")
            // What has not happened yet has no labels.
            if !metric.labels.isEmpty { #expect(row[2] == labels, "\(metric.name)") }
        }
    }

    private func dashboard() throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: Tools.repository("packaging/grafana/chancery.json")))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// With Grafana's variables filled in.
    private func dashboardExpressions() throws -> [String] {
        let board = try dashboard()
        let panels = board["panels"] as? [[String: Any]] ?? []
        let annotations = (board["annotations"] as? [String: Any])?["list"] as? [[String: Any]] ?? []
        let targets = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
        return (targets + annotations).compactMap { $0["expr"] as? String }.map {
            $0.replacing("$__rate_interval", with: "5m").replacing("$instance", with: ".*").replacing("$job", with: ".*")
        }
    }

    private func quoted(_ text: String) throws -> String {
        String(
            decoding: try JSONSerialization.data(withJSONObject: text, options: [.fragmentsAllowed, .withoutEscapingSlashes]),
            as: UTF8.self)
    }
}

/// A real Prometheus with a folder of its own, which scrapes once a second.
private final class Prometheus: Sendable {
    private let folder: TemporaryFolder
    private let program: RunningProgram
    private let base: String

    init(scraping port: Int, rules: String) async throws {
        folder = try TemporaryFolder()
        let file = try folder.write(
            "prometheus.yml",
            """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            rule_files: ["\(rules)"]
            scrape_configs:
            - job_name: chancery
              static_configs: [{targets: ["127.0.0.1:\(port)"]}]

            """)
        let own = try freePort()
        base = "http://127.0.0.1:\(own)"
        program = try RunningProgram(
            "prometheus",
            [
                "--config.file", file, "--storage.tsdb.path", folder.path("data"), "--web.listen-address", "127.0.0.1:\(own)",
                "--log.level", "warn",
            ], log: folder.path("log"))
        let ready = "\(base)/-/ready"
        try await eventually("Prometheus", limit: 60) { try await Program.run("curl", ["-fs", ready]).status == 0 }
    }

    deinit { program.signal(SIGKILL) }

    private func result(_ expression: String) async throws -> [String: Any] {
        let text = try await Program.run("curl", ["-sS", "\(base)/api/v1/query", "--data-urlencode", "query=\(expression)"])
            .output
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    func understands(_ expression: String) async throws -> Bool { try await result(expression)["status"] as? String == "success" }

    /// Of the one series that the expression gives; nil when it gives none or several.
    func value(_ expression: String) async throws -> Double? {
        let series = (try await result(expression)["data"] as? [String: Any])?["result"] as? [[String: Any]] ?? []
        guard series.count == 1, let text = (series[0]["value"] as? [Any])?.last as? String else { return nil }
        return Double(text)
    }
}
