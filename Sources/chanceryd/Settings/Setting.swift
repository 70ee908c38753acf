/// One key, described once. Parsing, `config show`, the commented file of a new folder, the flags' help and
/// docs/configuration.md are all made from this.
struct Setting: Sendable {
    enum Place: Sendable { case anywhere, environmentOnly }

    let name: String
    let type: String
    let range: String
    let doc: String
    /// What holds when nothing is set: the value, or words where it depends on others.
    let byDefault: String
    /// An example for the commented file where the default is no value.
    let example: String
    var isList = false
    var isPath = false
    var isSecret = false
    /// A wrong value is not repeated in messages: there may be a password in it.
    var mayHoldSecret = false
    /// Has a flag of its own name; any other key is reached by `--set KEY=VALUE`.
    var hasFlag = false
    var place = Place.anywhere
    /// Writes the values into the settings; a fault for each that does not have the form.
    let take: @Sendable ([String], inout Settings) -> [(value: String, fault: BadValue)]
    /// Empty when unset.
    let show: @Sendable (Settings) -> [String]

    var environment: String { "CHANCERY_" + name.uppercased().replacing("-", with: "_") }
    var flag: String { hasFlag ? "--\(name)" : "--set \(name)=…" }

    func with(_ change: (inout Setting) -> Void) -> Setting {
        var changed = self
        change(&changed)
        return changed
    }

    /// A key that always has a value.
    static func one<Value>(
        _ name: String, _ path: any WritableKeyPath<Settings, Value> & Sendable, _ form: Form<Value>, _ doc: String
    ) -> Setting {
        let initial = form.show(Settings()[keyPath: path])
        return Setting(name: name, type: form.type, range: form.range, doc: doc, byDefault: initial, example: initial) {
            values, settings in
            taking(values, form) { settings[keyPath: path] = $0 }
        } show: {
            [form.show($0[keyPath: path])]
        }
    }

    /// A key that may stay unset; `byDefault` says what holds then.
    static func maybe<Value>(
        _ name: String, _ path: any WritableKeyPath<Settings, Value?> & Sendable, _ form: Form<Value>, byDefault: String,
        example: String, _ doc: String
    ) -> Setting {
        Setting(name: name, type: form.type, range: form.range, doc: doc, byDefault: byDefault, example: example) {
            values, settings in
            taking(values, form) { settings[keyPath: path] = $0 }
        } show: {
            $0[keyPath: path].map { [form.show($0)] } ?? []
        }
    }

    /// A list. A later source replaces the whole list of an earlier one.
    static func many<Value>(
        _ name: String, _ path: any WritableKeyPath<Settings, [Value]> & Sendable, _ form: Form<Value>, byDefault: String,
        example: String, _ doc: String
    ) -> Setting {
        Setting(
            name: name, type: "list of \(form.type)", range: form.range, doc: doc, byDefault: byDefault, example: example,
            isList: true
        ) { values, settings in
            settings[keyPath: path] = []
            return taking(values, form) { settings[keyPath: path].append($0) }
        } show: {
            $0[keyPath: path].map(form.show)
        }
    }

    private static func taking<Value>(
        _ values: [String], _ form: Form<Value>, _ set: (Value) -> Void
    ) -> [(value: String, fault: BadValue)] {
        values.compactMap { text in
            do throws(BadValue) {
                set(try form.read(text))
                return nil
            } catch {
                return (text, error)
            }
        }
    }
}
