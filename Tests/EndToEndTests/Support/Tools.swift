import Foundation

/// What `script/install test` puts beside the build, and what lies beside these tests.
enum Tools {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// A program of the environment that certbot from PyPI lives in; else the one on the path.
    static func certbot(_ program: String) -> String {
        let own = repository(".build-tools/certbot/bin/" + program)
        return FileManager.default.isExecutableFile(atPath: own) ? own : program
    }

    /// A file of the repository.
    static func repository(_ path: String) -> String {
        tests.deletingLastPathComponent().deletingLastPathComponent().path + "/" + path
    }

    static let sources = repository("Sources")

    static func benchmark(_ name: String) -> String { repository("Benchmarks/" + name) }
    static func script(_ name: String) -> String { tests.path + "/Scripts/" + name }
}
