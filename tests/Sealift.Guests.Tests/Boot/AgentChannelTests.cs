using System.Text;
using Sealift.Guests.Boot;

namespace Sealift.Guests.Tests.Boot;

/// <summary>Whatever a guest sends on the agent's channel: only an answer is a sign of life.</summary>
public sealed class AgentChannelTests
{
    [Theory]
    [InlineData("{\"return\": {}}", true)]
    [InlineData("{\"return\": 1}", false)]
    [InlineData("{\"error\": {}}", false)]
    [InlineData("return", false)]
    [InlineData("[{\"return\": {}}]", false)]
    [InlineData("", false)]
    public void Only_an_answer_of_the_agent_is_one(string line, bool answer) => Assert.Equal(answer, AgentChannel.IsAnswer(Encoding.UTF8.GetBytes(line)));
}
