import ACME

/// dns-01 by a program, which is run without a shell as lego's `exec` provider runs one:
/// ```
/// PROGRAM present _acme-challenge.example.com. VALUE
/// PROGRAM cleanup _acme-challenge.example.com. VALUE
/// ```
/// The environment has certbot's variables too: `CERTBOT_DOMAIN` and `CERTBOT_IDENTIFIER` (the name without `*.`),
/// `CERTBOT_VALIDATION` (VALUE), `CERTBOT_ALL_DOMAINS` (with commas), and `CHANCERY_ACTION` (`present` or `cleanup`).
/// `present` adds one TXT record beside others of that name and ends with 0 once every authoritative server
/// answers with it; `cleanup` removes that record alone. Each may take ten minutes.
struct DNSHook: Solver {
    let program: String
    let names: [String]

    func prepare() async throws(AgentError) { try HookProgram.check(program) }
    func present(_ answer: ChallengeAnswer) async throws(AgentError) { try await run("present", answer) }
    func remove(_ answer: ChallengeAnswer) async throws(AgentError) { try await run("cleanup", answer) }
    func finish() async {}

    private func run(_ action: String, _ answer: ChallengeAnswer) async throws(AgentError) {
        let value = answer.keyAuthorization.dnsValue
        try await HookProgram.run(
            program, [action, "_acme-challenge.\(answer.name).", value],
            environment: [
                "CERTBOT_DOMAIN": answer.name, "CERTBOT_IDENTIFIER": answer.name, "CERTBOT_VALIDATION": value,
                "CERTBOT_ALL_DOMAINS": names.joined(separator: ","), "CHANCERY_ACTION": action,
            ])
    }
}
