import ACME
import ACMEClient

/// What the CA is to find for one authorization.
struct ChallengeAnswer: Sendable {
    /// The domain to validate, without `*.`.
    let name: String
    /// One for which `isToken` holds.
    let token: String
    let keyAuthorization: KeyAuthorization
}

/// Puts answers to challenges of one type where the CA looks for them, and takes them away.
protocol Solver: Sendable {
    /// Checks and takes what can be had before the CA is bothered: a port, a folder, a program.
    func prepare() async throws(AgentError)
    /// When it returns, the CA may look.
    func present(_ answer: ChallengeAnswer) async throws(AgentError)
    /// Takes away what `present` put there, also if that failed half-way.
    func remove(_ answer: ChallengeAnswer) async throws(AgentError)
    /// Gives back what `prepare` took.
    func finish() async
}

/// - Parameter names: all names of the order, for programs that want to know.
func solver(for method: ChallengeMethod, names: [String]) -> any Solver {
    switch method {
    case .standalone(let port): StandaloneHTTP(port: port)
    case .tlsALPN(let port): StandaloneTLS(port: port)
    case .webroot(let folder): Webroot(folder: folder)
    case .dnsHook(let program): DNSHook(program: program, names: names)
    }
}
