import Foundation

/// What `script/install test` puts beside the build, and what lies beside these tests.
enum Tools {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// A program of the environment that certbot from PyPI lives in; else the one on the path.
    static func certbot(_ program: String) -> String {
        let own = house + "/.build-tools/certbot/bin/" + program
        return FileManager.default.isExecutableFile(atPath: own) ? own : program
    }

    private static let house = tests.deletingLastPathComponent().deletingLastPathComponent().path
    static let sources = house + "/Sources"

    static func benchmark(_ name: String) -> String { house + "/Benchmarks/" + name }
    static func script(_ name: String) -> String { tests.path + "/Scripts/" + name }
}
