// Answers CloudFormation's custom resource requests: send(event, context, status, data).
const https = require("https");
const http = require("http");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const client = event.ResponseURL.startsWith("http:") ? http : https;
  return new Promise((resolve) => {
    const end = () => {
      resolve(context.done ? context.done() : undefined);
    };
    const request = client.request(event.ResponseURL, { method: "PUT", headers: { "content-type": "", "content-length": Buffer.byteLength(body) } }, (response) => {
      console.log("Status code: " + response.statusCode);
      response.resume();
      response.on("end", end);
    });
    request.on("error", (e) => {
      console.log("The answer could not be sent: " + e);
      end();
    });
    request.end(body);
  });
};
