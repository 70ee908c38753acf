/// Where the present task prefers to run: for a task that it starts and that is to go on there, such as on the event loop of the request
/// behind it, which costs no change of thread. Nil outside of tasks, and where nothing is preferred.
package var presentExecutor: (any TaskExecutor)? {
    withUnsafeCurrentTask { $0?.unownedTaskExecutor?.asTaskExecutor() }
}
