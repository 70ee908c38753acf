extension InstallerKind {
    /// Plain copies: what is there keeps its owner, group and mode. Seen where `verify` says.
    static let files = InstallerKind(
        name: "files",
        options: [
            "key": "a file for the key", "cert": "a file for the certificate", "chain": "a file for its issuers",
            "fullchain": "a file for both", "combined": "a file for the key and both",
            "pkcs12": "a file for the key and both, as Java and Windows take them",
            "password": "a file whose first line is the password of pkcs12",
            "owner": "whom new files are to belong to: USER or USER.GROUP", "reload": "a program that is run afterwards",
        ]
    ) { options throws(AgentError) in
        var copies: [Installer.Copy] = []
        let contents: [(String, Installer.Copy.Content, UInt32)] = [
            ("key", .key, 0o600), ("cert", .certificate, 0o644), ("chain", .chain, 0o644), ("fullchain", .fullchain, 0o644),
            ("combined", .combined, 0o600),
        ]
        for (name, content, mode) in contents {
            guard let path = try options.path(name) else { continue }
            copies.append(Installer.Copy(content: content, path: path, mode: mode, owner: options["owner"]))
        }
        if let path = try options.path("pkcs12") {
            guard let password = try options.path("password") else {
                throw .needsPerson("files: pkcs12 wants password=FILE, whose first line is the password.")
            }
            copies.append(
                Installer.Copy(content: .pkcs12(passwordFile: password), path: path, mode: 0o600, owner: options["owner"]))
        }
        guard !copies.isEmpty else {
            throw .needsPerson(
                "files wants at least one of key=, cert=, chain=, fullchain=, combined= and pkcs12=, each with a path.")
        }
        return Installer(copies: copies, reload: try options.path("reload").map { [$0] })
    }
}
