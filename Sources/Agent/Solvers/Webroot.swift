import ACME
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// http-01 by files that a web server serves already: `FOLDER/.well-known/acme-challenge/TOKEN`, mode 0644. Below the folder
/// no symbolic link is followed, so that nothing is ever written outside it.
struct Webroot: Solver {
    let folder: String

    func prepare() async throws(AgentError) { close(try challengeFolder()) }

    func present(_ answer: ChallengeAnswer) async throws(AgentError) {
        guard isToken(answer.token) else { throw .failed("The CA's token is none.") }
        let parent = try challengeFolder()
        defer { close(parent) }
        _ = unlinkat(parent, answer.token, 0)
        let file = openat(parent, answer.token, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw unwritable() }
        let text = Array(answer.keyAuthorization.text.utf8)
        let written = text.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let isReadable = fchmod(file, 0o644) == 0
        guard close(file) == 0, written == text.count, isReadable else { throw unwritable() }
    }

    func remove(_ answer: ChallengeAnswer) async throws(AgentError) {
        guard isToken(answer.token) else { return }
        let parent = try challengeFolder()
        defer { close(parent) }
        guard unlinkat(parent, answer.token, 0) == 0 || errno == ENOENT else { throw unwritable() }
    }

    func finish() async {}

    /// Opened, and made where missing; readable for a web server whatever the umask is.
    private func challengeFolder() throws(AgentError) -> Int32 {
        var folder = open(self.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .needsPerson("The folder \(self.folder) cannot be opened: \(Files.reason())") }
        for name in [".well-known", "acme-challenge"] {
            let isNew = mkdirat(folder, name, 0o755) == 0
            guard isNew || errno == EEXIST else {
                let refusal = unwritable()
                close(folder)
                throw refusal
            }
            let inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            let refusal = unwritable()
            close(folder)
            guard inner >= 0 else { throw refusal }
            if isNew { _ = fchmod(inner, 0o755) }
            folder = inner
        }
        return folder
    }

    private func unwritable() -> AgentError {
        .needsPerson(
            "\(folder)/.well-known/acme-challenge cannot be written (symbolic links below \(folder) are not followed): \(Files.reason())"
        )
    }
}
