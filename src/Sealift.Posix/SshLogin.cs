namespace Sealift.Posix;

/// <summary>
/// Logging in to a host at which many log in at once. sshd closes connections unseen while more are waiting to log in than it allows
/// (sshd_config(5), MaxStartups: from ten on), or where one address has come too often: nothing was begun there, and in a moment it lets in.
/// </summary>
public static class SshLogin
{
    /// <summary>For how long it is tried.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(300), LongestPause = TimeSpan.FromSeconds(3);

    /// <summary>Does what logs in, and does it again for as long as the host turns it away before it has said who it is.</summary>
    /// <param name="attempt">One try. It leaves nothing behind where it fails.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="SealiftException">The attempt's own: it was not turned away, or still is after <see cref="Patience"/>.</exception>
    public static async Task<T> InsistAsync<T>(Func<Task<T>> attempt, CancellationToken cancel, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        time ??= TimeProvider.System;
        for (var began = time.GetTimestamp(); ; )
        {
            try
            {
                return await attempt();
            }
            catch (SealiftException e) when (IsTurnedAway(e.Message) && time.GetElapsedTime(began) < Patience)
            {
                // By chance, so that those who were turned away together do not come back together.
                await Task.Delay(ShortestPause + (Random.Shared.NextDouble() * (LongestPause - ShortestPause)), time, cancel);
            }
        }
    }

    /// <summary>Whether the connection ended before the server had said who it is, by what ssh says then; its name for that is kex_exchange_identification, and was ssh_exchange_identification.</summary>
    private static bool IsTurnedAway(string said) => said.Contains("_exchange_identification: ", StringComparison.Ordinal);
}
