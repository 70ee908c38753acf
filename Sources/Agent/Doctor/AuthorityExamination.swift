import ACME
import ACMEClient
import Foundation

extension CertificateAgent {
    /// Differences of clocks, in seconds: from the first on a warning, from the second on trouble.
    private static let (noticed, tooMuch): (TimeInterval, TimeInterval) = (30, 300)

    /// What is the matter with a CA: whether it answers, what time it is there, the account, its health and its limits.
    /// - Parameter isWanted: whether a certificate or a person names it first, so that nothing goes without it.
    /// - Returns: the directory too, if it answered.
    func examine(
        authority ca: String, _ settings: SettingsRecord, isWanted: Bool
    ) async -> (findings: [Finding], directory: Directory?) {
        let title = title(ca, settings)
        var findings: [Finding] = []
        func add(_ severity: Finding.Severity, _ check: Finding.Check, _ text: String, _ change: String?) {
            findings.append(Finding(severity, check, title, text, change: change))
        }
        let grave: Finding.Severity = isWanted ? .trouble : .warning
        if let entry = catalogueEntry(ca), entry.closed {
            add(grave, .authority, "it gives out no certificates any more", "Choose another: `chancery ca list`.")
            return (findings, nil)
        }
        var directory: Directory?
        do throws(ACMEClientError) {
            let roots = (try? store.root(ca)).flatMap { $0 }.map { [$0] } ?? []
            let seen = try await client(ca, roots: roots).look()
            directory = seen.directory
            findings += clock(seen.date, title)
        } catch {
            let told = AgentError(error)
            add(grave, .authority, told.message, told.remedy ?? Self.remedy(error))
        }
        do throws(AgentError) {
            if try !hasAccount(ca) {
                let binding = directory?.meta?.externalAccountRequired == true || catalogueEntry(ca)?.bindingNeeded == true
                add(
                    isWanted ? .note : .warning, .authority,
                    "there is no account here\(binding ? ", and it wants an account binding" : "")",
                    "`chancery account register --ca \(title)\(binding ? " --eab-kid KID --eab-hmac-key-file FILE" : "")`\(isWanted ? ", or the first `issue` makes one" : "; without one no renewal can turn to it")."
                )
            }
        } catch { add(.trouble, .store, error.message, "Put the file back from a backup.") }
        let (now, health) = (configuration.now(), store.health(ca))
        if !health.isWell(at: now) {
            add(
                .warning, .authority,
                "it failed \(health.failures == 1 ? "lately" : "\(health.failures) times in a row") and is passed over until \(RFC3339.string(health.unwellUntil ?? now)). \(health.reason ?? "")",
                "Nothing, if it answers above; else another CA: `chancery ca order`.")
        }
        if let hold = store.ledger(ca, nil).hold, hold.holds(at: now) {
            add(
                .warning, .limits, "it asked to wait until \(RFC3339.string(hold.until)). \(hold.reason)",
                "Wait, or use another CA: `chancery ca order`.")
        }
        for budget in budgets(at: ca) {
            if budget.left == 0 {
                add(.warning, .limits, "\(budget.words).", "Wait, or use another CA: `chancery ca order`.")
            } else if budget.used >= budget.limit.forRenewals {
                add(.note, .limits, "\(budget.words), and kept from renewals.", nil)
            }
        }
        return (findings, directory)
    }

    private func clock(_ theirs: Date?, _ title: String) -> [Finding] {
        guard let theirs else { return [] }
        let difference = configuration.now().timeIntervalSince(theirs)
        guard abs(difference) >= Self.noticed else { return [] }
        return [
            Finding(
                abs(difference) >= Self.tooMuch ? .trouble : .warning, .clock, "this host",
                "its clock is \(Int(abs(difference))) s \(difference < 0 ? "behind" : "ahead of") that of \(title)",
                change: "Set the clock, and keep it set: `timedatectl set-ntp true`.")
        ]
    }

    private static func remedy(_ error: ACMEClientError) -> String {
        switch error {
        case .transport:
            "The network of this host, its name servers and a proxy or firewall on the way out (port 443); or the CA is down: `chancery ca order`."
        case .untrusted: "The root that its server is trusted by: `--ca-root FILE`, once."
        case .notACME: "The directory's URL: chanceryd's ends in /acme/default/directory; or a proxy on the way out answers."
        case .insecureURL: "The directory's URL: only https is used."
        default: "Try again; or another CA: `chancery ca order`."
        }
    }

    /// What the limits of a CA leave for a certificate.
    func examineLimits(_ names: [String], _ old: Lineage?, at ca: String, _ title: String) -> [Finding] {
        guard let wait = wait(names, kinship(names, replacing: old, at: ca), at: ca, leaving: .nothing) else { return [] }
        return [
            Finding(
                .warning, .limits, names.first ?? title, "\(wait.reason) There is room at \(RFC3339.string(wait.until)).",
                change: "Wait, or use another CA: `chancery ca order`.")
        ]
    }
}
