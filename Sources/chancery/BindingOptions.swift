import ACMEClient
import Agent
import ArgumentParser
import Foundation

/// What binds a new account to a customer of the authority.
struct BindingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Account binding: the key identifier that the authority gave.", valueName: "kid")) var eabKid:
        String?
    @Option(
        help: ArgumentHelp("Account binding: a file with the MAC key; or it stands in CHANCERY_EAB_HMAC_KEY.", valueName: "file"),
        completion: .file())
    var eabHmacKeyFile: String?

    func validate() throws {
        if eabHmacKeyFile != nil, eabKid == nil { throw ValidationError("--eab-hmac-key-file goes with --eab-kid KID.") }
    }

    /// - Throws: `needsPerson` if the key is missing or none.
    func binding(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws(AgentError) -> AccountBinding? {
        guard let eabKid else { return nil }
        if let file = eabHmacKeyFile { return try AccountBinding(keyIdentifier: eabKid, file: file) }
        guard let key = environment["CHANCERY_EAB_HMAC_KEY"] else {
            throw AgentError(
                .needsPerson, "--eab-kid goes with a MAC key: --eab-hmac-key-file FILE, or the variable CHANCERY_EAB_HMAC_KEY.")
        }
        do { return try AccountBinding(keyIdentifier: eabKid, key: key) } catch { throw AgentError(error) }
    }
}

extension AccountBinding {
    /// - Parameter file: holds the MAC key, as the authority gave it.
    init(keyIdentifier: String, file: String) throws(AgentError) {
        guard let key = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw AgentError(.needsPerson, "The file \(file.sanitized) with the MAC key cannot be read.")
        }
        do { try self.init(keyIdentifier: keyIdentifier, key: key) } catch { throw AgentError(error) }
    }
}
