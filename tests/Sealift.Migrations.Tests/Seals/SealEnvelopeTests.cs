using System.Text;
using System.Text.Json;
using CsCheck;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests.Seals;

public sealed class SealEnvelopeTests : IDisposable
{
    private readonly string state = Directory.CreateTempSubdirectory("seal-env-").FullName;
    private readonly SealKey key;

    public SealEnvelopeTests() => key = SealKey.OpenOrCreate(state);

    public void Dispose()
    {
        key.Dispose();
        Directory.Delete(state, recursive: true);
    }

    [Fact]
    public void Pre_authentication_encoding_is_that_of_the_specification() =>
        // github.com/secure-systems-lab/dsse, protocol.md, "Test Vectors"
        Assert.Equal("DSSEv1 29 http://example.com/HelloWorld 11 hello world", Encoding.UTF8.GetString(SealEnvelope.PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"u8)));

    [Fact]
    public void Envelope_and_statement_come_back_as_they_were()
    {
        var statement = SealStatement.Of(ExampleSeals.Degraded());
        var envelope = SealEnvelope.Parse(SealEnvelope.Sign(statement.ToJson(), key).ToJson(), "x");
        Assert.True(envelope.IsSignedBy(key.Public));
        var back = SealStatement.Parse(envelope.Payload, "x");
        Assert.Equal(statement.ToJson(), back.ToJson());
        using var json = JsonDocument.Parse(envelope.Payload);
        Assert.Equal("https://in-toto.io/Statement/v1", json.RootElement.GetProperty("_type").GetString());
        Assert.Equal("https://sealift.io/seal/v1", json.RootElement.GetProperty("predicateType").GetString());
        Assert.Equal("degraded", json.RootElement.GetProperty("predicate").GetProperty("verdict").GetString());
        Assert.Equal(statement.Predicate.Disks[0].FinalRoot, json.RootElement.GetProperty("subject")[0].GetProperty("digest").GetProperty("blkhash-sha256-64k").GetString());
    }

    [Fact]
    public void No_changed_byte_of_payload_signature_or_key_id_passes()
    {
        var json = SealEnvelope.Sign(SealStatement.Of(ExampleSeals.Sealed()).ToJson(), key).ToJson();
        var start = json.AsSpan().IndexOf("\"payloadType\""u8);
        Assert.True(Accepted(json));
        var change = Gen.Select(Gen.Int[start, json.Length - 2], Gen.Int[1, 255]);
        change.Sample((at, mask) => Assert.False(Accepted(With(json, at, mask)), $"byte {at} ^ {mask}"), iter: 3000);

        // Every bit of the ends, where base64 has room to spare, and of signature and key id.
        var signatures = json.AsSpan().IndexOf("\"signatures\""u8);
        for (var at = signatures - 12; at < json.Length - 2; at++)
            for (var bit = 0; bit < 8; bit++)
                Assert.False(Accepted(With(json, at, 1 << bit)), $"byte {at}, bit {bit}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"e31=","signatures":[{"keyid":"a","sig":""}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"e3 0=","signatures":[{"keyid":"a","sig":""}]}""")]
    [InlineData("""{"payloadType":"text/plain","payload":"e30=","signatures":[{"keyid":"a","sig":""}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"e30=","payload":"e30=","signatures":[{"keyid":"a","sig":""}]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[null]}""")]
    [InlineData("""{"payloadType":"application/vnd.in-toto+json","payload":"\ud800","signatures":[{"keyid":"a","sig":""}]}""")]
    public void What_is_no_envelope_is_refused(string json) =>
        Assert.Equal("SL7504", Assert.Throws<SealiftException>(() => SealEnvelope.Parse(Encoding.UTF8.GetBytes(json), "x")).Code);

    [Theory]
    [InlineData("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v2")]
    [InlineData("https://sealift.io/seal/v1", "https://sealift.io/seal/v2")]
    [InlineData("\"verdict\":\"sealed\"", "\"verdict\":0")]
    [InlineData("\"verdict\":\"sealed\"", "\"verdict\":\"splendid\"")]
    [InlineData("\"verdict\":\"sealed\"", "\"verdict\":\"sealed\",\"verdict\":\"failed\"")]
    [InlineData("\"verdict\":\"sealed\"", "\"verdict\":\"failed\"")]
    [InlineData("\"verdict\":\"sealed\"", "\"other\":1")]
    [InlineData("\"targetFile\":\"web-01-disk1.qcow2\"", "\"targetFile\":\"../web-01-disk1.qcow2\"")]
    [InlineData("\"blockBytes\":65536", "\"blockBytes\":65535")]
    [InlineData("\"algorithm\":\"sha256\"", "\"algorithm\":\"crc32\"")]
    [InlineData("\"nextSteps\":[", "\"nextSteps\":[null,")]
    [InlineData("\"cpus\":4", "\"cpus\":4e99")]
    public void A_statement_of_another_meaning_is_refused_though_it_is_signed(string from, string to)
    {
        var text = Encoding.UTF8.GetString(SealStatement.Of(ExampleSeals.Sealed()).ToJson());
        Assert.Contains(from, text, StringComparison.Ordinal);
        var changed = text.Replace(from, to, StringComparison.Ordinal);
        Assert.Equal("SL7504", Assert.Throws<SealiftException>(() => SealStatement.Parse(Encoding.UTF8.GetBytes(changed), "x")).Code);
    }

    [Fact]
    public void Random_bytes_never_end_in_another_exception()
    {
        var statement = SealStatement.Of(ExampleSeals.Sealed()).ToJson();
        Gen.Select(Gen.Int[0, statement.Length - 1], Gen.Int[1, 255]).Sample(
            (at, mask) =>
            {
                try
                {
                    SealStatement.Parse(With(statement, at, mask), "x");
                }
                catch (SealiftException)
                {
                    // refused, as it should be; a changed digit of a size is still a statement, and only the signature tells
                }
            },
            iter: 3000);
    }

    private bool Accepted(byte[] json)
    {
        try
        {
            return SealEnvelope.Parse(json, "x").IsSignedBy(key.Public);
        }
        catch (SealiftException e) when (e.Code == "SL7504")
        {
            return false;
        }
    }

    private static byte[] With(byte[] json, int at, int mask)
    {
        var changed = (byte[])json.Clone();
        changed[at] ^= (byte)mask;
        return changed;
    }
}
