namespace Sealift.Server;

/// <summary>Which seals are being verified, whoever asked: pages and programs. It reads whole disks: a migration's once at a time, and few at all.</summary>
internal sealed class VerificationTurns
{
    private const int MostAtOnce = 2;

    private readonly Lock gate = new();
    private readonly HashSet<string> atWork = new(StringComparer.Ordinal);

    /// <summary>Takes a turn, which ends when it is disposed.</summary>
    /// <param name="migration">Whose seal is to be verified.</param>
    /// <returns>Null where it is being verified, or as many others are as may be.</returns>
    public IDisposable? TryTake(string migration)
    {
        lock (gate) return atWork.Count < MostAtOnce && atWork.Add(migration) ? new Turn(this, migration) : null;
    }

    private sealed class Turn(VerificationTurns turns, string migration) : IDisposable
    {
        private bool isOver;

        public void Dispose()
        {
            lock (turns.gate)
            {
                if (isOver) return;
                isOver = true;
                _ = turns.atWork.Remove(migration); // true: nobody else removes it
            }
        }
    }
}
