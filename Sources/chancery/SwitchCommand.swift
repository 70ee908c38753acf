import ACME
import ACMEClient
import Agent
import ArgumentParser
import Foundation

/// `ca switch`.
struct SwitchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switch", abstract: "Moves certificates from one authority to another, stage by stage.",
        discussion: """
            Examples:
              chancery ca switch --from letsencrypt --to ours --dry-run
              chancery ca switch --from letsencrypt --to ours --canary 1%
              chancery ca switch --from ours --to google --only '*.shop.example.com'
              chancery ca switch --status
              chancery ca switch --pause
              chancery ca switch --resume
              chancery ca switch --verify report.json

            A canary goes first, then each stage is four times the one before. Each
            certificate is issued by the new authority, put to use and seen at every
            place before the next one; the old authority stays behind it as a backup.
            It stops by itself at a failure in the first stage, or when more failed
            than --max-failures allows. Ended in any way, the same command goes on
            where it was. At the end there is a signed report.

            Exit codes: 0 all moved, 1 finished with failures, 2 nothing to move,
            3 stopped by failures or needs a person, 4 paused.
            """)

    @OptionGroup var common: CommonOptions
    @Option(help: ArgumentHelp("The authority to leave.", valueName: "url|name")) var from: String?
    @Option(help: ArgumentHelp("The authority to move to.", valueName: "url|name")) var to: String?
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Only these: a name, or a pattern with * and ?; again for more.", valueName: "name"))
    var only: [String] = []
    @Option(help: ArgumentHelp("How many the first stage has: 5, or 1% of all.", valueName: "n|p%")) var canary: SwitchShare =
        .percent(1)
    @Option(help: ArgumentHelp("How many may fail after the first stage: 5, or 1% of all.", valueName: "n|p%"))
    var maxFailures: SwitchShare = .count(0)
    @Option(help: ArgumentHelp("Another kind of key for all of them.", valueName: "type")) var keyType: KeyType?
    @Option(help: ArgumentHelp("The common name of the root that the new chains are to lead to.", valueName: "name"))
    var preferredChain: String?
    @Flag(help: "Show what would be moved and in which stages: nothing is ordered or written.") var dryRun = false
    @Flag(help: "Show how far it is.") var status = false
    @Flag(help: "Have it stop after the certificate that it is at.") var pause = false
    @Flag(help: "Go on with what was paused, stopped or broken off; what failed is tried again.") var resume = false
    @Flag(help: "End it where it is: what was moved stays moved.") var abandon = false
    @Option(
        help: ArgumentHelp("Check the signature of a report.", valueName: "file"), completion: .file())
    var verify: String?
    @OptionGroup(title: "An account at the new authority, where there is none") var account: NewAccountOptions
    @OptionGroup var lookups: LookupOptions

    func validate() throws {
        let verbs = [status, pause, resume, abandon, verify != nil].count { $0 }
        guard verbs <= 1 else { throw ValidationError("Say one of --status, --pause, --resume, --abandon and --verify.") }
        if verbs == 1, from != nil || to != nil || dryRun || !only.isEmpty {
            throw ValidationError("--status, --pause, --resume, --abandon and --verify stand alone.")
        }
        if verbs == 0, from == nil || to == nil { throw ValidationError("Say --from and --to, or --status.") }
    }

    func run() async throws {
        let agent = common.agent(resolvers: lookups.resolver)
        if let verify {
            let checked = try await common.reporting { () async throws(AgentError) in try agent.checkReport(verify) }
            common.show(checked, Self.lines(checked))
            return try common.end(checked.isOurs ? .changed : .needsPerson)
        }
        if dryRun {
            let outline = try await common.reporting { () async throws(AgentError) in try await agent.outlineSwitch(request()) }
            common.show(outline, Self.lines(outline))
            return try common.end(outline.certificates.contains { !$0.obstacles.isEmpty } ? .needsPerson : .changed)
        }
        let report = try await common.reporting { () async throws(AgentError) in
            if status { return try agent.switchStatus() }
            if pause || abandon { return try await agent.endSwitch(forGood: abandon) }
            return resume ? try await agent.resumeSwitch() : try await agent.switchAuthority(try request())
        }
        let code = status || pause || abandon ? .changed : report.code
        common.show(ResultLine(code, report, until: report.until), Self.lines(report))
        try common.end(code)
    }

    private func request() throws(AgentError) -> SwitchRequest {
        var request = SwitchRequest(from: from ?? "", to: to ?? "")
        (request.only, request.canary, request.allowance) = (only, canary, maxFailures)
        (request.keyType, request.preferredChain, request.preflight) = (keyType, preferredChain, !lookups.noPreflight)
        request.account = try account.request()
        return request
    }

    // MARK: Words

    static func lines(_ outline: SwitchOutline) -> [String] {
        let rows =
            [["NAME", "STAGE", "KEY", "SEEN", "SERIAL NOW"]]
            + outline.certificates.map {
                [$0.name, "\($0.stage)", $0.keyType.rawValue, $0.verifiable ? "yes" : "nowhere", $0.oldSerial]
            }
        let obstacles = outline.certificates.flatMap { one in one.obstacles.map { "\(one.name): \($0)" } }
        return table(rows)
            + [
                "\(outline.certificates.count) from \(outline.from.sanitized) to \(outline.to.sanitized), in stages of \(outline.stages.map { "\($0)" }.joined(separator: ", ")); \(outline.allowance) may fail after the first stage.",
                outline.hasAccount
                    ? "There is an account at the new authority."
                    : "There is no account at the new authority yet: --agree-tos makes one.",
            ] + obstacles
    }

    static func lines(_ report: SwitchReport) -> [String] {
        let rows =
            [["NAME", "STATE", "OLD SERIAL", "NEW SERIAL", "SECONDS"]]
            + report.certificates.map { one in
                let seconds = one.began.flatMap { one.ended?.timeIntervalSince($0) }
                return [
                    one.name, one.state.rawValue, one.oldSerial ?? "-", one.newSerial ?? "-",
                    seconds.map { "\(Int($0.rounded()))" } ?? "-",
                ]
            }
        var lines = table(rows)
        lines += report.certificates.filter { $0.state == .failed }.map { "\($0.name): \(($0.reason ?? "").sanitized)" }
        lines.append(
            "\(report.state.rawValue): of \(report.total) from \(report.from.sanitized) to \(report.to.sanitized), \(report.verified) moved and seen, \(report.unverified) moved with no place to see them, \(report.failed) failed, \(report.gone) gone, \(report.waiting) waiting; \(Int(report.seconds.rounded())) s."
        )
        if let reason = report.reason { lines.append(reason.sanitized) }
        if let file = report.file {
            lines.append("Signed report: \(file); `chancery ca switch --verify FILE` checks it.")
        }
        return lines
    }

    private static func lines(_ checked: CheckedReport) -> [String] {
        lines(checked.report) + [
            "The signature holds. Key: \(checked.thumbprint), \(checked.isOurs ? "this store's" : "which is not this store's")."
        ]
    }

    /// Columns, the last one not padded.
    private static func table(_ rows: [[String]]) -> [String] {
        let count = rows.first?.count ?? 0
        let widths = (0..<count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { index in
                index + 1 == count ? row[index] : row[index] + String(repeating: " ", count: widths[index] - row[index].count)
            }.joined(separator: "  ")
        }
    }
}

extension SwitchShare: ExpressibleByArgument {
    /// As it is typed: `12` or `5%`.
    public init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String {
        switch self {
        case .count(let count): "\(count)"
        case .percent(let percent): "\(Int(percent))%"
        }
    }
}

/// What an account is made with.
struct NewAccountOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A PEM file with the root that the new authority's own server is trusted by. Remembered.", valueName: "file"),
        completion: .file())
    var caRoot: String?
    @Flag(help: "Agree to the authority's terms of service.") var agreeTos = false
    @OptionGroup var contact: ContactOption
    @OptionGroup var bound: BindingOptions

    func request() throws(AgentError) -> IssueRequest {
        var request = IssueRequest(names: [])
        (request.caRoot, request.contacts) = (caRoot, contact.emails)
        let agreed = agreeTos
        request.agreesToTerms = { _ in agreed }
        request.binding = try bound.binding()
        return request
    }
}
