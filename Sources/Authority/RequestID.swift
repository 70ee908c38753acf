/// The identifier of the HTTP request being answered, so that log lines of every room can name it.
package enum RequestID {
    @TaskLocal package static var current: String?
}
