extension InstallerKind {
    /// A program of the operator's that puts `served/NAME` to use, and another that checks beforehand.
    static let exec = InstallerKind(
        name: "exec", options: ["run": "the program", "check": "a program that is run before, and may refuse"]
    ) { options throws(AgentError) in
        guard let run = try options.path("run") else { throw .needsPerson("exec wants run=PROGRAM.") }
        return Installer(check: try options.path("check").map { [$0] }, reload: [run])
    }
}
