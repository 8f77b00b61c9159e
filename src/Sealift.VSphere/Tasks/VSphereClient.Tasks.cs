namespace Sealift.VSphere;

/// <content>Tasks: what a server does after it has said that it will.</content>
public sealed partial class VSphereClient
{
    private static readonly TimeSpan LookPause = TimeSpan.FromSeconds(1);

    /// <summary>Waits until a task is over. A server that is not heard of meanwhile is waited for, as long as the task may take.</summary>
    /// <param name="attempt">What it does, for errors: <c>make a snapshot</c>.</param>
    /// <param name="subject">On what, for errors.</param>
    /// <param name="task">The task.</param>
    /// <param name="onProgress">Told how far it is, in percent; null for nobody.</param>
    /// <param name="deadline">How long it may take.</param>
    /// <param name="cancel">Stops waiting; the task goes on.</param>
    /// <returns>The task, which succeeded.</returns>
    /// <exception cref="VSphereFaultException">It failed.</exception>
    /// <exception cref="VSphereException">SL3320: it is not over in time; SL3305: the server is not heard of again in that time, is not trusted any more, or has forgotten the task.</exception>
    public async Task<VimTask> WaitForTaskAsync(string attempt, ManagedReference subject, ManagedReference task, Action<int>? onProgress, TimeSpan deadline, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        VSphereException? unheard = null;
        try
        {
            // Until the deadline: each look at a server that is not heard of ends with a pause.
            for (; ; await Task.Delay(LookPause, limit.Token))
            {
                var live = new LiveObjects();
                await using var sets = WatchAsync(new PropertyQuery("Task", ["info"]) { Objects = [task] }, limit.Token).GetAsyncEnumerator(limit.Token);
                while (await HearAsync(sets) is { } set)
                {
                    _ = live.Apply(set); // there is only one object
                    if (!set.IsComplete) continue;
                    if (!live.Objects.TryGetValue(task, out var now)) throw VSphereErrors.Lost(attempt, SubjectOf(subject), $"the server no longer knows its task {task.Value}");
                    if (now.Missing.TryGetValue("info", out var why)) throw VSphereErrors.Refused(attempt, SubjectOf(subject), why);
                    if (now["info"] is not { } info) continue;
                    var state = Understand(attempt, SubjectOf(subject), () => VimTask.Of(task, info));
                    if (state is { Percent: { } percent, IsOver: false }) onProgress?.Invoke(percent);
                    if (state.State == VimTaskState.Error) throw VSphereErrors.Refused(attempt, SubjectOf(subject), state.Error ?? new VSphereFault("MethodFault", "the task failed and does not say why", null));
                    if (state.State == VimTaskState.Success) return state;
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            throw unheard is { } e
                ? VSphereErrors.Lost(attempt, SubjectOf(subject), $"its task {task.Value} was begun, and the server was not heard of again: {e.Said}", e)
                : VSphereErrors.TaskOverdue(attempt, SubjectOf(subject), task.Value, deadline);
        }

        // The next set; null where the server is not heard of.
        async Task<UpdateSet?> HearAsync(IAsyncEnumerator<UpdateSet> sets)
        {
            try
            {
                var any = await sets.MoveNextAsync();
                unheard = null;
                return any ? sets.Current : null;
            }
            catch (VSphereException e) when (IsUnheard(e) || e.IsSessionLost)
            {
                unheard = e;
                return null;
            }
            catch (VSphereException e)
            {
                // It is this look that failed. The task was sent.
                throw VSphereErrors.Lost(attempt, SubjectOf(subject), $"its task {task.Value} was begun, and the server {(e.IsNotTrusted ? "is not trusted any more" : "does not tell about it")}: {e.Said}", e);
            }
        }
    }

    /// <summary>The tasks of an object that the server still knows: those that go on, and those of the last minutes.</summary>
    /// <param name="target">The object.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<IReadOnlyList<VimTask>> RecentTasksAsync(ManagedReference target, CancellationToken cancel)
    {
        const string Property = "recentTask";
        var one = await RetrieveOneAsync(target, [Property], cancel);
        if (one.Missing.TryGetValue(Property, out var why)) throw VSphereErrors.Refused("read the recent tasks", SubjectOf(target), why);
        if (one[Property] is not { } list) return [];
        var tasks = Understand("read the recent tasks", SubjectOf(target), () => list.Children.Select(t => t.AsReference()).ToList());
        var found = new List<VimTask>();
        // One that is forgotten meanwhile is left out, and so is one of somebody else's that this account may not see.
        await foreach (var task in RetrieveAsync(new PropertyQuery("Task", ["info"]) { Objects = tasks }, cancel))
        {
            if (task["info"] is { } info) found.Add(Understand("read a task", SubjectOf(task.Reference), () => VimTask.Of(task.Reference, info)));
        }

        return found;
    }

    /// <summary>Starts a task that is not started twice, and waits for its end.</summary>
    private async Task<VimTask> RunTaskAsync(string attempt, string operation, ManagedReference target, Action<VimWriter>? arguments, CancellationToken cancel)
    {
        var reply = await CallAsync(operation, target, arguments, Repeat.Never, cancel);
        var task = Understand($"run {operation}", SubjectOf(target), () => reply.Require("returnval").AsReference());
        return await WaitForTaskAsync(attempt, target, task, null, options.TaskDeadline, cancel);
    }

    /// <summary>After a lost reply: waits until no task of a kind goes on, and until something can be seen, for a while.</summary>
    /// <param name="attempt">What was attempted.</param>
    /// <param name="target">The object.</param>
    /// <param name="kind">The kind of task that would do it.</param>
    /// <param name="look">Null as long as it cannot be seen.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>What was seen; null where it does not come.</returns>
    /// <exception cref="VSphereException">SL3305: the server is not heard of, so that nothing is known.</exception>
    private async Task<T?> LookForAsync<T>(string attempt, ManagedReference target, Func<VimTask, bool> kind, Func<Task<T?>> look, CancellationToken cancel)
        where T : class
    {
        VSphereException? unheard = null;
        var looks = 1 + (int)Math.Ceiling(options.LostReplyGrace / LookPause);
        for (var i = 0; i < looks; i++)
        {
            try
            {
                await OutlastAsync();
                if (await look() is { } seen) return seen;
                unheard = null;
            }
            catch (VSphereException e) when (e.IsUnreachable)
            {
                unheard = e;
            }

            if (i + 1 < looks) await Task.Delay(LookPause, cancel);
        }

        // Not to have been able to look is not to have seen that it is not there.
        return unheard is null ? null : throw NotHeardOfAgain(attempt, target, unheard);

        async Task OutlastAsync()
        {
            foreach (var task in (await RecentTasksAsync(target, cancel)).Where(t => kind(t) && !t.IsOver))
            {
                try
                {
                    _ = await WaitForTaskAsync(attempt, target, task.Task, null, options.TaskDeadline, cancel); // what it did is looked for afterwards
                }
                catch (VSphereFaultException e)
                {
                    // It may be somebody else's that failed. Whether ours did its work is seen afterwards, or not.
                    if (e.Fault.IsNoPermission) throw;
                }
            }
        }
    }

    /// <summary>A look after something was asked for: that this look was not sent does not mean that nothing was.</summary>
    private async Task<T> LookAfterAsync<T>(string attempt, ManagedReference target, Func<Task<T>> look)
    {
        try
        {
            return await look();
        }
        catch (VSphereException e) when (e.IsUnreachable)
        {
            throw NotHeardOfAgain(attempt, target, e);
        }
    }

    private VSphereException NotHeardOfAgain(string attempt, ManagedReference target, VSphereException why) =>
        VSphereErrors.Lost(attempt, SubjectOf(target), $"it was asked for, and the server was not heard of again: {why.Said}", why);
}
